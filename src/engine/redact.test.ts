import { array, assert, constantFrom, integer, property, string, stringMatching } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { redact, redactor, secretValues } from './redact.ts';

describe('redaction by pattern', () => {
  it.each([
    ['Authorization: Bearer abc.def-123', 'Authorization: Bearer [redacted]'],
    ['authorization: Basic dXNlcjpwYXNz', 'authorization: Basic [redacted]'],
    ["curl -H 'Authorization: Token 0123456789abcdef'", "curl -H 'Authorization: Token [redacted]'"],
    ['got Bearer 0123456789abcdef back', 'got Bearer [redacted] back'],
    ['password=hunter2', 'password=[redacted]'],
    ['DB_PASSWORD: "a b\\" c" next', 'DB_PASSWORD: "[redacted]" next'],
    ['{"api_key": "k-123", "n": 1}', '{"api_key": "[redacted]", "n": 1}'],
    ['"{\\"password\\":\\"hunter2\\"}"', '"{\\"password\\":\\"[redacted]\\"}"'],
    ['token=0a1b2c&x=1', 'token=[redacted]&x=1'],
    ["client_secret => 'it is'", "client_secret => '[redacted]'"],
    ['login --password hunter2 --user me', 'login --password [redacted] --user me'],
    ['aws_secret_access_key = wJalrXUtnFEMI/K7MDENG', 'aws_secret_access_key = [redacted]'],
    ['id AKIAIOSFODNN7EXAMPLE.', 'id [redacted].'],
    ['jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl end', 'jwt [redacted] end'],
    [`x ghp_${'a1'.repeat(18)} y`, 'x [redacted] y'],
    [`x allclear_${'aB3_-'.repeat(8)}abc y`, 'x [redacted] y'],
    ['xoxb-123456789012-abcdef', '[redacted]'],
    ['postgres://app:pa55@db:5432/x', 'postgres://app:[redacted]@db:5432/x'],
    ['https://0123456789abcdef0123@git.example/x', 'https://[redacted]@git.example/x'],
    ['Set-Cookie: sid=abc; Path=/', 'Set-Cookie: [redacted]'],
    ['password="never closed', 'password="[redacted]'],
  ])('hides the secret in %s', (text, expected) => {
    expect(redact(text)).toBe(expected);
  });

  it.each([
    'mcp_token_refresh_total{outcome="ok"} 12',
    'mcp_initialize_duration_seconds_bucket{le="0.2"} 4711',
    '{"max_tokens": 4096, "token_count": 12}',
    'Basic authentication is used; see http://example.com:8080/path?x=1',
    'The password is asked for. Secrets live in a vault.',
    'https://example.com/a@b ssh git@host:repo.git ssh://git@host/repo',
    'password: null',
    'cat: /etc/passwd: Permission denied',
    'CPU should drop below 60% within 5 minutes',
  ])('leaves %s alone', (text) => {
    expect(redact(text)).toBe(text);
  });

  it('hides a private key, over lines and on one line, and what follows stays', () => {
    const key = `-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n${'QUJD'.repeat(16)}\n${'REVG'.repeat(3)}==\n-----END RSA PRIVATE KEY-----`;
    expect(redact(`before\n${key}\nafter\n`)).toBe('before\n[redacted]\n\nafter\n');
    expect(redact(`{"key":"${key.replaceAll('\n', '\\n')}","x":1}`)).toBe('{"key":"[redacted]","x":1}');
  });

  it('hides a private key whose end never comes, and shows what is no key any more', () => {
    const text = redact(`-----BEGIN PRIVATE KEY-----\n${'QUJD'.repeat(16)}\nFailed to read: no such file!\n`);
    expect(text).toBe('[redacted]\nFailed to read: no such file!\n');
  });
});

describe('redaction by value', () => {
  it('hides the value, its base64 and its URL-encoded form, longest first', () => {
    const secret = 'p&ss word';
    const text = `a ${secret} b ${Buffer.from(secret).toString('base64')} c ${encodeURIComponent(secret)} d`;
    expect(redact(text, [secret, 'p&ss'])).toMatch(/^a \[redacted\] b \[redacted\]=* c \[redacted\] d$/);
  });

  it('hides every line of a value of several lines', () => {
    expect(redact('x first-line y\nsecond-line z', ['first-line\nsecond-line'])).toBe(
      'x [redacted] y\n[redacted] z',
    );
  });

  it('does not replace values so short that they are everywhere', () => {
    expect(redact('a b c 1', ['a', '1', ''])).toBe('a b c 1');
  });

  it('never lets a value through, wherever it stands and however the text is cut', () => {
    const secret = stringMatching(/^[A-Za-z0-9_-]{8,40}$/);
    assert(
      property(
        secret,
        string(),
        string(),
        array(integer({ min: 1, max: 30 }), { minLength: 1 }),
        (value, before, after, sizes) => {
          const text = `${before}${value}${after}`;
          expect(inChunks(text, [value], sizes)).not.toContain(value);
        },
      ),
    );
  });

  it('takes the values of variables whose name says that they are secret', () => {
    const env = {
      GITHUB_TOKEN: 'abcdefgh',
      DB_PASSWORD: 'hunter2',
      HOME: '/root',
      TOKEN_TTL: '3600',
      PGPASSFILE: '/root/.pgpass',
    };
    expect(secretValues(env)).toEqual(['abcdefgh', 'hunter2']);
  });
});

describe('redaction of a stream', () => {
  const pieces = constantFrom(
    'password=',
    'hunter2',
    ' ',
    '\n',
    '"',
    '\\',
    'Bearer ',
    'abcdefghij',
    '-----BEGIN PRIVATE KEY-----',
    '-----END PRIVATE KEY-----',
    'QUJDREVG',
    '://u:',
    '@h',
    'token',
    ': ',
    'eyJhbGciOi.eyJzdWIi.c2ln',
  );
  const texts = array(pieces, { maxLength: 60 }).map((parts) => parts.join(''));

  it('gives the same however the text is cut', () => {
    assert(
      property(texts, array(integer({ min: 1, max: 40 }), { minLength: 1 }), (text, sizes) => {
        expect(inChunks(text, ['hunter2'], sizes)).toBe(redact(text, ['hunter2']));
      }),
    );
  });

  it('done twice changes nothing more', () => {
    assert(
      property(texts, (text) => {
        const once = redact(text, ['hunter2']);
        expect(redact(once, ['hunter2'])).toBe(once);
      }),
    );
  });

  it('finds secrets anywhere in a line of many windows', () => {
    assert(
      property(integer({ min: 0, max: 50_000 }), integer({ min: 1, max: 3000 }), (at, size) => {
        const text = `${'x '.repeat(at / 2)}password=hunter2hunter2 ${'y '.repeat(30_000 - at / 2)}`;
        const shown = inChunks(text, [], [size]);
        expect(shown).not.toContain('hunter2');
        expect(shown.length).toBe(text.length - 'hunter2hunter2'.length + '[redacted]'.length);
      }),
      { numRuns: 30 },
    );
  });

  it('swallows a value longer than a window', () => {
    expect(redact(`a password=${'x'.repeat(100_000)} b`)).toBe('a password=[redacted] b');
  });
});

describe('the time redaction takes', () => {
  it.each([
    ['openings of quotes', 'token="', ''],
    ['escaped quotes', 'token="\\"', ''],
    ['bare words', 'a', ''],
    ['names of secrets', 'token', ''],
    ['starts of tokens', 'eyJ', ''],
    ['dotted starts of tokens', 'eyJaaaaa.', ''],
    ['colons and slashes', '://a:', ''],
    ['dashes', '-----BEGIN ', ''],
    ['headers', 'authorization: ', ''],
    ['spaces after a name', 'password:  ', ''],
    ['lines', 'password=\n', ''],
  ])('grows no faster than the text for %s', (_what, piece) => {
    const time = (length: number): number => {
      const text = piece.repeat(Math.ceil(length / piece.length));
      const started = performance.now();
      redact(text, ['hunter2']);
      return performance.now() - started;
    };
    time(10_000);
    const large = time(1_000_000);
    expect(large).toBeLessThan(3000);
  });
});

/** The text pushed in chunks of the given sizes, over and over. */
function inChunks(text: string, secrets: readonly string[], sizes: readonly number[]): string {
  const stream = redactor(secrets);
  let out = '';
  let turn = 0;
  for (let at = 0; at < text.length; ) {
    const size = sizes[turn++ % sizes.length]!;
    out += stream.push(text.slice(at, at + size));
    at += size;
  }
  return out + stream.end();
}

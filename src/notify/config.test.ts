import { describe, expect, it } from 'vitest';
import type { AllclearError } from '../kernel/index.ts';
import { notificationsSchema, readTargets } from './config.ts';
import { matters } from './news.ts';

const url = 'https://hooks.example/services/T0/B0/verysecret';
const issues = (config: unknown) =>
  notificationsSchema
    .safeParse(config)
    .error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
const read = (config: readonly object[], env: Record<string, string> = {}) =>
  readTargets(notificationsSchema.parse(config), {
    env,
    readFile: (path) => Promise.resolve(path === '/run/url' ? `${url}\n` : '\n'),
  });
const failure = (work: Promise<unknown>) =>
  work.then(
    () => null,
    (error: AllclearError) => error,
  );

describe('the configuration of notifications', () => {
  it('takes an address from the file, a variable or a file', async () => {
    const targets = await read(
      [
        { name: 'a', url },
        { name: 'b', 'url-env': 'HOOK' },
        { name: 'c', 'url-file': '/run/url', headers: { Authorization: { env: 'AUTH' } } },
      ],
      { HOOK: ` ${url}\n`, AUTH: 'Bearer abc' },
    );
    expect(targets.map((target) => target.url.href)).toEqual([url, url, url]);
    expect(targets[2]!.headers).toEqual({ Authorization: 'Bearer abc' });
    expect([...targets[0]!.on]).toEqual([...matters]);
  });

  it.each([
    [[{ name: 'a' }], '0: it takes one of url, url-env and url-file'],
    [[{ name: 'a', url, 'url-env': 'X' }], '0: it takes one of url, url-env and url-file'],
    [
      [
        { name: 'a', url },
        { name: 'A', url },
      ],
      '1.name: it is there twice',
    ],
    [[{ name: 'a', url, on: ['closed'] }], /^0\.on\.0: /],
    [[{ name: 'a b', url }], '0.name: it takes letters, digits, dots and dashes'],
    [[{ name: 'a', url, headers: { Host: 'x' } }], /^0\.headers\.Host: /],
    [[{ name: 'a', url, timeout: '5m' }], '0.timeout: it takes a duration from 1 s to 60 s, for example 10s'],
    [
      [{ name: 'a', url, kind: 'slack', 'secret-env': 'S' }],
      '0: a secret signs generic messages; Slack checks none',
    ],
    [[{ name: 'a', url, retries: 3 }], /^0: /],
  ])('refuses what cannot be meant: %j', (config, message) => {
    expect(issues(config)).toEqual([typeof message === 'string' ? message : expect.stringMatching(message)]);
  });

  it('says which variable or file is missing, and never repeats a secret', async () => {
    const missing = await failure(read([{ name: 'a', 'url-env': 'HOOK' }]));
    expect(missing).toMatchObject({ code: 'E_BAD_VALUE' });
    expect(missing!.message).toContain('HOOK');
    const wrong = await failure(read([{ name: 'a', 'url-env': 'HOOK' }], { HOOK: 'verysecret' }));
    expect(wrong!.message).toBe('the address of the notification a is no http or https address');
    const password = await failure(read([{ name: 'a', url: 'https://user:verysecret@x.example/' }]));
    expect(password!.message).not.toContain('verysecret');
    const header = await failure(
      read([{ name: 'a', url, headers: { A: { env: 'H' } } }], { H: 'very\nsecret' }),
    );
    expect(header!.message).toContain('the header A');
    expect(await failure(read([{ name: 'a', 'url-file': '/empty' }]))).toMatchObject({ code: 'E_BAD_VALUE' });
  });
});

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AllclearError, loadYaml } from '../../kernel/index.ts';
import { type GuardFile, parseGuardFile } from './guard-file.ts';

const { YamlText } = await loadYaml();

function parse(text: string): GuardFile {
  return parseGuardFile(new YamlText(text, 'guard.yaml', 'docs/guard-levers.md'));
}

const whole = `
upstreams:
  - http://127.0.0.1:3001
  - http://127.0.0.1:3002/
levers:
  MAX_INIT_PER_SECOND: 50
  MAX_SESSIONS:
  TOKEN_REFRESH_COALESCE: false
  TOOL_TIMEOUT_SECONDS:
    value: 10
    tools: {search: 5, "a]b": off}
  'TOOL_TIMEOUT_SECONDS[fetch]': 30
  'TOOL_BREAKER[fetch]': open
  MCP_REPLICAS:
    meaning: replicas of the MCP server
    min: 1
    max: 20
    value: 3
    driver:
      command:
        set: kubectl scale deploy/mcp --replicas="$LEVER_VALUE"
        read: kubectl get deploy/mcp -o jsonpath='{.spec.replicas}'
      timeout: 20s
`;

describe('parseGuardFile', () => {
  it('reads upstreams, bases and drivers', () => {
    const { upstreams, levers, drivers } = parse(whole);
    expect(upstreams).toEqual(['http://127.0.0.1:3001', 'http://127.0.0.1:3002']);
    expect(levers).toEqual({
      MAX_INIT_PER_SECOND: '50',
      MAX_SESSIONS: '',
      TOKEN_REFRESH_COALESCE: 'off',
      TOOL_TIMEOUT_SECONDS: '10',
      'TOOL_TIMEOUT_SECONDS[search]': '5',
      'TOOL_TIMEOUT_SECONDS[a]b]': '',
      'TOOL_TIMEOUT_SECONDS[fetch]': '30',
      'TOOL_BREAKER[fetch]': 'open',
      MCP_REPLICAS: '3',
    });
    expect(drivers).toMatchObject([
      {
        name: 'MCP_REPLICAS',
        meaning: 'replicas of the MCP server',
        set: 'kubectl scale deploy/mcp --replicas="$LEVER_VALUE"',
        reset: null,
        timeoutSeconds: 20,
        everySeconds: 30,
      },
    ]);
  });

  it.each(['', '# nothing\n', 'levers:\nupstreams:\n', '{}'])('takes an empty file: %j', (text) => {
    expect(parse(text)).toEqual({ upstreams: null, levers: {}, drivers: [] });
  });

  it.each([
    ['upstreams: [', 1, 'YAML'],
    ['a: 1\na: 2', 2, 'YAML'],
    ['- x', 1, 'form'],
    ['upstream: http://a', 1, 'Did you mean upstreams?'],
    ['\nupstreams:\n  - http://a\n  - ftp://a', 4, 'http'],
    ['upstreams: ftp://a', 1, 'http'],
    ['upstreams: http://a\n---\nlevers: {}', 2, 'remove the line'],
    ['upstreams: []', 1, 'at least one'],
    ['levers:\n  MAX_SESIONS: 5', 2, 'Did you mean MAX_SESSIONS?'],
    ['levers:\n  MAX_SESSIONS: many', 2, 'number'],
    ['levers:\n  MAX_SESSIONS: [1]', 2, 'form'],
    ['levers:\n  MAX_SESSIONS:\n    valu: 5', 3, 'Did you mean value?'],
    ['levers:\n  MAX_SESSIONS:\n    value: 5\n    min: 1', 4, 'Remove it'],
    ['levers:\n  MAX_SESSIONS[a]: 5', 2, 'for all'],
    ['levers:\n  MAX_SESSIONS:\n    tools:\n      a: 5', 4, 'for all'],
    ['levers:\n  UPSTREAMS: http://a', 2, 'upstreams:'],
    ['levers:\n  TOOL_BREAKER: {tools: {a: open}}\n  TOOL_BREAKER[a]: closed', 3, 'Remove one'],
    ['levers:\n  TOOL_BREAKER[: closed', 2, 'NAME[tool]'],
    ['levers:\n  X: {driver: {command: {set: "true"}}}', 2, 'reset'],
    ['levers:\n  x y: {driver: {command: {set: "true", reset: "true"}}}', 2, 'capital'],
    ['levers:\n  X:\n    driver:\n      command: {set: "true", reset: "true"}\n      timeout: 1h', 5, 'form'],
    ['levers:\n  X:\n    pattern: "("\n    driver: {command: {set: "true", reset: "true"}}', 3, 'regular'],
    ['levers:\n  X:\n    min: 3\n    value: 2\n    driver: {command: {set: "true"}}', 2, 'from 3'],
    [
      'levers:\n  X:\n    min: 3\n    max: 2\n    value: 2\n    driver: {command: {set: "true"}}',
      3,
      'Let min be the lower',
    ],
    ['levers: &a\n  X: *a', 2, ''],
  ])('refuses %j with the line and the fix', (text, line, fix) => {
    const error = caught(() => parse(text));
    expect(error).toMatchObject({ code: 'E_CONFIG_FILE', details: { file: 'guard.yaml', line } });
    expect(error.details.next).toContain(fix);
  });

  it('answers any text with settings or with an error that names a line', () => {
    const words = fc.constantFrom(
      'levers:',
      'upstreams:',
      '  MAX_SESSIONS: ',
      '5',
      '\n',
      '  ',
      '- ',
      '{',
      '}',
      '[',
      ']',
      '&a ',
      '*a',
      '? ',
      ': ',
      "'",
      '__proto__: ',
      '  X:\n',
      '    driver:\n',
      '      command: ',
      '!!binary ',
      '|\n',
      'http://a',
      '---\n',
    );
    fc.assert(
      fc.property(fc.array(words, { maxLength: 12 }), (parts) => {
        try {
          parse(parts.join(''));
        } catch (error) {
          expect(error).toBeInstanceOf(AllclearError);
          expect((error as AllclearError).details.line).toBeGreaterThan(0);
        }
      }),
    );
  });
});

function caught(task: () => unknown): AllclearError {
  try {
    task();
  } catch (error) {
    return error as AllclearError;
  }
  throw new Error('nothing was thrown');
}

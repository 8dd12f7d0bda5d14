import { describe, expect, it } from 'vitest';
import { leversFromEnv } from './lever-env.ts';

describe('leversFromEnv', () => {
  it('takes levers, those of tools in brackets or after two underscores, and nothing else', () => {
    expect(
      leversFromEnv({
        PATH: '/bin',
        MAX_SESSIONS: '5',
        MAX_SESSIONS_ELSEWHERE: '6',
        MAX_SESSIONS__x: '7',
        'TOOL_TIMEOUT_SECONDS[search]': '5',
        TOOL_TIMEOUT_SECONDS__search: '6',
        TOOL_BREAKER__get_weather: 'open',
        TOOL_RETRY_BUDGET: undefined,
      }),
    ).toEqual({
      MAX_SESSIONS: '5',
      'TOOL_TIMEOUT_SECONDS[search]': '5',
      'TOOL_BREAKER[get_weather]': 'open',
    });
  });

  it.each(['MAX_SESSIONS[x]', 'TOOL_BREAKER[]', 'TOOL_BREAKER__', 'TOOL_BREAKER[x'])(
    'refuses %s rather than to ignore it',
    (variable) => {
      expect(() => leversFromEnv({ [variable]: '1' })).toThrow(
        expect.objectContaining({ code: 'E_BAD_VALUE' }),
      );
    },
  );
});

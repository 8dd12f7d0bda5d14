import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judgeRefresh } from './refresh-answer.ts';

const tokens = { access_token: 'a', token_type: 'Bearer', expires_in: 60, refresh_token: 'r' };

describe('judgeRefresh', () => {
  it.each([
    [200, JSON.stringify(tokens), 'ok', true],
    [200, '{"access_token":"a"}', 'ok', true],
    [200, '{"error":"invalid_grant"}', 'invalid_grant', true],
    [200, '{"error":"slow_down"}', 'error', true],
    [200, '<html>', 'error', false],
    [200, '{}', 'error', false],
    [200, '{"access_token":""}', 'error', false],
    [200, 'null', 'error', false],
    [204, '', 'error', false],
    [302, '', 'error', true],
    [400, '{"error":"invalid_grant"}', 'invalid_grant', true],
    [400, '{"error":"invalid_scope"}', 'error', true],
    [401, '{"error":"invalid_client"}', 'error', true],
    [404, '<html>', 'error', true],
    [408, '', 'error', false],
    [429, '<html>', 'throttled', false],
    [429, '{"error":"rate_limited"}', 'throttled', false],
    [429, '{"error":"invalid_grant"}', 'throttled', false],
    [429, '{"error":"temporarily_unavailable"}', 'throttled', true],
    [429, '{"error":"too_many_requests"}', 'throttled', true],
    [500, '{"error":"server_error"}', 'error', false],
    [502, '<html>', 'error', false],
    [503, '{"error":"temporarily_unavailable"}', 'error', true],
  ])('takes %i %s for %s, and passes it: %s', (status, body, outcome, pass) => {
    expect(judgeRefresh(status, body)).toMatchObject({ outcome, pass });
  });

  it('finds what was issued, also where the number is a text', () => {
    expect(judgeRefresh(200, JSON.stringify(tokens))).toMatchObject({
      issued: { accessToken: 'a', seconds: 60 },
      refreshToken: 'r',
    });
    const read = (expires_in: unknown) =>
      judgeRefresh(200, JSON.stringify({ ...tokens, expires_in })).issued?.seconds;
    expect(read('60')).toBe(60);
    for (const nonsense of [0, -1, 'soon', null, {}, [], 'NaN']) expect(read(nonsense)).toBeUndefined();
  });

  it('passes what it cannot read', () => {
    expect(judgeRefresh(200, null)).toMatchObject({ outcome: 'ok', pass: true });
    expect(judgeRefresh(429, null)).toMatchObject({ outcome: 'throttled', pass: false });
  });

  it('never lets through what makes clients log in again because a server is busy', () => {
    fc.assert(
      fc.property(fc.integer({ min: 500, max: 599 }), fc.oneof(fc.string(), fc.json()), (status, body) => {
        const { pass } = judgeRefresh(status, body);
        expect(pass && !/temporarily_unavailable|too_many_requests/.test(body)).toBe(false);
      }),
    );
  });
});

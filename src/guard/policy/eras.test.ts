import { describe, expect, it } from 'vitest';
import { TestClock } from '../../kernel/index.ts';
import { EraKnowledge, isRegular, isTelling, judge } from './eras.ts';
import { readMessage } from './message.ts';

const error = (code: number, data?: unknown) => ({
  jsonrpc: '2.0',
  id: 1,
  error: { code, message: '', data },
});
const supports = (...supported: string[]) => error(-32_022, { supported, requested: 'x' });
const discovered = (...supportedVersions: string[]) => ({ result: { supportedVersions } });
const message = (value: object) => readMessage(Buffer.from(JSON.stringify(value)));
const META = 'io.modelcontextprotocol/protocolVersion';

const TAKEN = { rejected: false, learned: true };
const REJECTED = { rejected: true, learned: false };
const NOTHING = { rejected: false };

describe('judge', () => {
  it.each([
    ['a discovery', discovered('2026-07-28'), TAKEN],
    ['a discovery of older versions', discovered('2025-11-25'), REJECTED],
    ['an unknown method', error(-32_601), REJECTED],
    ['another result', { result: {} }, REJECTED],
    ['trouble of its own', error(-32_603), { rejected: true }],
    ['no JSON-RPC', undefined, NOTHING],
  ])('reads %s that answers discover with 200', (_what, answer, judgement) => {
    expect(judge('newer', 'server/discover', 200, answer)).toEqual(judgement);
  });

  it.each([
    ['a header mismatch', 400, error(-32_020), TAKEN],
    ['a missing capability', 400, error(-32_021), TAKEN],
    ['a version it does not have', 400, supports('2026-07-28'), TAKEN],
    ['a version of the other era', 400, supports('2025-11-25'), REJECTED],
    ['a version without a list', 400, error(-32_022), REJECTED],
    ['a bad _meta', 400, error(-32_602), NOTHING],
    ['a method it does not have', 404, error(-32_601), NOTHING],
    ['a missing session', 400, error(-32_000), REJECTED],
    ['an unknown session', 404, error(-32_001), REJECTED],
    ['a web page', 404, undefined, REJECTED],
  ])('reads %s that answers a request of the newer era', (_what, status, answer, judgement) => {
    expect(judge('newer', 'tools/call', status, answer)).toEqual(judgement);
  });

  it.each([
    ['only newer versions', supports('2026-07-28', '2027-01-01'), REJECTED],
    ['no such method', error(-32_601), REJECTED],
    ['bad params', error(-32_602), NOTHING],
    ['older versions too', supports('2026-07-28', '2025-11-25'), NOTHING],
    ['a web page', undefined, NOTHING],
  ])('reads %s that answers initialize', (_what, answer, judgement) => {
    expect(judge('older', 'initialize', 400, answer)).toEqual(judgement);
  });

  it('reads who wants a session', () => {
    expect(judge('sessionless', 'tools/list', 400, error(-32_000))).toEqual(REJECTED);
    expect(judge('sessionless', 'tools/list', 400, error(-32_602))).toEqual(NOTHING);
  });

  it('is asked only about answers that may speak of the era, and never about rights, sizes or load', () => {
    for (const status of [200, 202, 401, 403, 408, 413, 429, 500, 503])
      expect(isTelling('newer', 'tools/call', status)).toBe(false);
    for (const status of [200, 400, 404, 405])
      expect(isTelling('newer', 'server/discover', status)).toBe(true);
    expect(isTelling('sessionless', 'tools/list', 404)).toBe(false);
  });
});

describe('isRegular', () => {
  const list = (version: string) =>
    message({ id: 1, method: 'tools/list', params: { _meta: { [META]: version } } });

  it.each([
    [list('2026-07-28'), '2026-07-28', 'tools/list', true],
    [list('2026-07-28'), '2025-11-25', 'tools/list', false],
    [list('2026-07-28'), '2026-07-28', 'tools/call', false],
    [list('2026-07-28'), undefined, undefined, false],
    [message({ id: 1, method: 'tools/list' }), '2025-11-25', undefined, true],
    [message({ id: 1, method: 'tools/list' }), '2026-07-28', 'tools/list', false],
    [message({ id: 1, method: 'tools/list' }), '1999-01-01', undefined, false],
    [
      message({ id: 1, method: 'initialize', params: { _meta: { [META]: '2026-07-28' } } }),
      '2026-07-28',
      'initialize',
      false,
    ],
    [message([{ id: 1, method: 'tools/list' }]), '2025-11-25', undefined, false],
    [message({}), undefined, undefined, false],
  ])('takes only what every client sends: %j %j %j', (one, version, method, expected) => {
    expect(isRegular(one, version, method)).toBe(expected);
  });
});

describe('EraKnowledge', () => {
  it('forgets after a minute and after a restart, and remembers how it spoke last', async () => {
    const clock = new TestClock();
    const eras = new EraKnowledge(clock);
    expect(eras.knows('newer', 0)).toBe('unknown');
    eras.learn('newer', true, 0);
    eras.learn('older', false, 0);
    expect([eras.knows('newer', 0), eras.knows('older', 0)]).toEqual(['yes', 'no']);
    expect(eras.knows('newer', 1)).toBe('unknown');
    await clock.advance(60_000);
    expect([eras.knows('newer', 0), eras.knows('older', 0)]).toEqual(['unknown', 'unknown']);
    expect([eras.spoke('newer'), eras.spoke('older')]).toEqual([true, false]);
  });
});

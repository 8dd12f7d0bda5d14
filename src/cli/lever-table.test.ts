import { describe, expect, it } from 'vitest';
import type { DeskLever } from '../guard/index.ts';
import { systemClock } from '../kernel/index.ts';
import type { Io } from './io.ts';
import { leverTable } from './lever-table.ts';

const io = { colour: false } as Io;
const plain: DeskLever = { name: 'MAX_SESSIONS', value: '', base: '', inherits: false, held: null };
const held = {
  actor: 'ada',
  reason: 'session storm',
  incident: 'inc-1',
  setAt: systemClock.now(),
  until: systemClock.now() + 900_000,
};
const driven = { state: 'settled', reads: null, failure: null } as const;

describe('leverTable', () => {
  it('shows who holds what, why and until when', () => {
    const text = leverTable(
      [plain, { ...plain, name: 'TOOL_BREAKER[a]', value: 'open', base: 'auto', inherits: true, held }],
      io,
    );
    expect(text).toMatch(
      /^MAX_SESSIONS {5}off\nTOOL_BREAKER\[a\] {2}open\n {2}returns to what counts for all tools \(auto\) in 15 min, at \d\d:\d\d:\d\d\n {2}by ada at \d\d:\d\d:\d\d: session storm \(inc-1\)\n$/,
    );
  });

  it.each([
    [{ state: 'settled', reads: { value: '3', at: 0 }, failure: null }, '5, reads 3'],
    [
      { state: 'overdue', reads: null, failure: 'reset exit 1: no route' },
      'OVERDUE: its return to 2 has failed',
    ],
    [
      { state: 'overdue', reads: null, failure: 'reset exit 1: no route' },
      'its command failed: reset exit 1: no route',
    ],
    [{ state: 'unknown', reads: null, failure: null }, 'UNKNOWN'],
    [{ state: 'setting', reads: null, failure: null }, 'its command is running'],
  ] as const)('shows %j', (state, words) => {
    expect(leverTable([{ ...plain, value: '5', base: '2', held, driven: state }], io)).toContain(words);
  });

  it('keeps to 80 columns, and lets nothing through that moves a terminal', () => {
    const long = `${'x'.repeat(300)}\u001b[2J\u202e\n${'y '.repeat(300)}`;
    const text = leverTable(
      [
        {
          name: `TOOL_TIMEOUT_SECONDS[${'t'.repeat(200)}]`,
          value: long,
          base: long,
          inherits: true,
          held: { ...held, actor: long, reason: long, incident: long },
          driven: { ...driven, state: 'overdue', reads: { value: long, at: 0 }, failure: long },
          notice: 'a restart would forget this '.repeat(10),
        },
      ],
      io,
    );
    expect(text).not.toContain('\u001b');
    expect(text).not.toContain('\u202e');
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  });
});

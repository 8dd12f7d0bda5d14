import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AllclearError } from '../kernel/index.ts';
import {
  type IncidentMove,
  type IncidentState,
  incidentStates,
  isOver,
  readState,
  transition,
} from './incident.ts';

const why = 'because';
const moves: readonly IncidentMove[] = [
  { kind: 'diagnosis-started' },
  { kind: 'verdict-reached', verdict: 'confirmed', why },
  { kind: 'verdict-reached', verdict: 'ruled-out', why },
  { kind: 'verdict-reached', verdict: 'inconclusive', why },
  { kind: 'remediation-started' },
  { kind: 'verification-started' },
  { kind: 'verified', why },
  { kind: 'not-verified', why },
  { kind: 'escalated', why },
  { kind: 'closed', why },
];

function walk(path: readonly IncidentMove[]): IncidentState[] {
  let state: IncidentState = { state: 'open' };
  const seen: IncidentState[] = [state];
  for (const move of path) {
    try {
      state = transition(state, move);
      seen.push(state);
    } catch (error) {
      expect(error).toBeInstanceOf(AllclearError);
      expect((error as AllclearError).code).toBe('E_TRANSITION');
    }
  }
  return seen;
}

describe('the life of an incident', () => {
  it('goes from open to closed when all is well', () => {
    const path: IncidentMove[] = [
      { kind: 'diagnosis-started' },
      { kind: 'verdict-reached', verdict: 'confirmed', why },
      { kind: 'remediation-started' },
      { kind: 'verification-started' },
      { kind: 'verified', why },
      { kind: 'closed', why },
    ];
    expect(walk(path).map((state) => state.state)).toEqual([
      'open',
      'diagnosing',
      'confirmed',
      'remediating',
      'verifying',
      'resolved',
      'closed',
    ]);
  });

  it('goes back to remediating, one round further, when verify fails', () => {
    const state = transition({ state: 'verifying', round: 2 }, { kind: 'not-verified', why });
    expect(state).toEqual({ state: 'remediating', round: 3 });
  });

  it.each([
    { state: 'confirmed', why },
    { state: 'inconclusive', why },
    { state: 'ruled-out', why },
    { state: 'escalated', from: 'confirmed', why },
  ] as const)('goes back to $state when that is where it was verified, and verify fails', (state) => {
    const verifying = transition(state, { kind: 'verification-started' });
    const again = transition(verifying, { kind: 'verification-started' });
    expect(transition(again, { kind: 'not-verified', why })).toEqual(state);
    expect(transition(again, { kind: 'verified', why })).toEqual({ state: 'resolved', why });
  });

  it('can be escalated from every state that is not over', () => {
    for (const state of allStates().filter((open) => !isOver(open) && open.state !== 'escalated')) {
      expect(transition(state, { kind: 'escalated', why })).toEqual({
        state: 'escalated',
        from: state.state,
        why,
      });
    }
  });

  it('says what is possible when a move is not', () => {
    expect(() => transition({ state: 'resolved', why }, { kind: 'remediation-started' })).toThrowError(
      /resolved cannot be remediated/,
    );
  });

  it('never resolves without a verification, and never leaves closed, whatever comes', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...moves), { maxLength: 60 }), (path) => {
        const seen = walk(path);
        seen.forEach((state, index) => {
          const before = seen[index - 1];
          if (state.state === 'resolved') expect(before?.state).toBe('verifying');
          if (state.state === 'verifying') {
            expect(['open', 'diagnosing', 'resolved']).not.toContain(before?.state);
          }
          if (before) expect(before.state).not.toBe('closed');
          if ('round' in state) expect(state.round).toBeGreaterThanOrEqual(1);
          expect(readState(JSON.parse(JSON.stringify(state)), 'inc-1')).toEqual(state);
        });
      }),
    );
  });

  it('reaches every state by some path', () => {
    const reached = new Set<string>();
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...moves), { maxLength: 40 }), (path) => {
        for (const state of walk(path)) reached.add(state.state);
      }),
      { seed: 7, numRuns: 2_000 },
    );
    expect([...reached].toSorted()).toEqual([...incidentStates].toSorted());
  });
});

describe('a stored state', () => {
  it.each([
    null,
    {},
    { state: 'happy' },
    { state: 'remediating' },
    { state: 'verifying', round: 0 },
    { state: 'resolved', why: 7 },
  ])('is refused when it is none: %j', (stored) => {
    expect(() => readState(stored, 'inc-1')).toThrowError(/inc-1 cannot be understood/);
  });
});

function allStates(): IncidentState[] {
  return [
    { state: 'open' },
    { state: 'diagnosing' },
    { state: 'confirmed', why },
    { state: 'inconclusive', why },
    { state: 'ruled-out', why },
    { state: 'remediating', round: 1 },
    { state: 'verifying', round: 1 },
    { state: 'resolved', why },
    { state: 'closed', why },
    { state: 'escalated', from: 'open', why },
  ];
}

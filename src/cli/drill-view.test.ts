import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { DrillEvent } from '../lab/index.ts';
import { DrillView } from './drill-view.ts';
import type { Io } from './io.ts';

function look(events: readonly DrillEvent[], colour = false): string {
  let text = '';
  let now = 0;
  const io: Io = {
    out: () => {},
    err: (part) => (text += part),
    colour,
    interactive: false,
    columns: 80,
    env: {},
    cwd: '/',
    signal: new AbortController().signal,
  };
  const view = new DrillView(io, null, () => now);
  for (const event of events) {
    view.show(event);
    now += 1500;
  }
  view.end();
  return text;
}

const reading = { check: 'initialize-latency', judgement: 'abnormal', shown: 'initialize latency 4.8 s' };
const verdict = { runbook: 'x', verdict: 'confirmed', why: 'long '.repeat(60), readings: [reading] } as never;

describe('DrillView', () => {
  it('fits what happens into 80 columns, however long the words', () => {
    const text = look([
      {
        kind: 'lab',
        parts: '2 MCP servers',
        words: { having: 'a session', attempts: 'handshakes', losses: 'sessions', tooSmall: '' },
        guard: { listen: '127.0.0.1:8080', admin: '127.0.0.1:9090' },
        notice: 'x '.repeat(80),
      },
      { kind: 'control', verdict },
      { kind: 'alert', name: 'N'.repeat(200), summary: 's '.repeat(200), runbookUrl: 'u'.repeat(300) },
      { kind: 'injected', what: 'the server was killed '.repeat(9) },
    ]);
    for (const line of text.split('\n')) expect(line.length, line).toBeLessThanOrEqual(88);
    expect(text).toMatch(/0:04 {2}Failure/);
  });

  it('never passes on terminal escapes from labels', () => {
    const text = look([
      { kind: 'alert', name: 'A\u001b[2J', summary: '\u001b]0;x\u0007hi', runbookUrl: 'r' },
    ]);
    expect(text).toBe(stripVTControlCharacters(text));
    expect(text).toContain('hi');
  });

  it('says a red word when Verify passes during the failure', () => {
    const event = {
      seq: 1,
      at: 0,
      actor: 'drill',
      kind: 'checked-before-fix',
      data: { verified: true, why: '', readings: [] },
    } as const;
    expect(look([{ kind: 'incident', event, output: '' }], true)).toContain(
      '\u001b[31mpasses during the failure',
    );
  });

  it('does not repeat itself where no line can move: one line about the fleet in ten seconds', () => {
    const fleet = Array.from(
      { length: 14 },
      (_, connected) => ({ kind: 'fleet', connected, total: 10, attempts: 0 }) as const,
    );
    const text = look(fleet);
    expect(text.trim().split('\n')).toHaveLength(1);
  });
});

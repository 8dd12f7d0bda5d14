import { array, assert, constantFrom, property, record, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ToldEvent } from '../app/api-client.ts';
import type { IncidentView, Waiting } from '../engine/index.ts';
import { doneText, incidentText, stepToApprove } from './incident-view.ts';
import type { Io } from './io.ts';

const io = { colour: false, columns: 80 } as Io;

const HOSTILE = '\u001b[31mred\u001b[0m \u202egnorw\u0007 ';

const step = (changes: Partial<IncidentView['steps'][number]> = {}): IncidentView['steps'][number] => ({
  index: 1,
  title: 'Cut it off',
  prose: '',
  risk: 'disruptive',
  manual: false,
  blocks: [{ language: 'bash', command: 'echo "$LABEL_SERVICE"', timeoutSeconds: 60 }],
  state: 'pending',
  run: 1,
  approvalHash: 'a'.repeat(64),
  approvals: { have: [{ by: 'ada', at: 0, expiresAt: 1 }], need: 2 },
  attempts: [],
  ...changes,
});

const view = (changes: Partial<IncidentView> = {}): IncidentView => ({
  id: 'inc-1m81wqeph79c13hy',
  title: 'Session storm',
  severity: 'critical',
  runbook: 'session-storm',
  state: 'remediating',
  open: true,
  waiting: null,
  labels: { service: 'mcp' },
  site: '',
  assignee: null,
  alertCount: 2,
  openedAt: 0,
  updatedAt: 0,
  closedAt: null,
  seq: 3,
  why: null,
  round: 1,
  runbookFile: null,
  runbookHash: null,
  runbookTitle: null,
  runbookChanged: false,
  coverageGap: false,
  work: null,
  verdict: { verdict: 'confirmed', why: 'The rate is 312/s.', at: 0, readings: [] },
  differential: null,
  sandbox: null,
  verification: null,
  steps: [step()],
  parameters: {},
  proposals: [],
  alerts: { count: 2, firing: 1, first: [] },
  policy: { beginWhenConfirmed: false, runAlone: [], approvalSeconds: 900 },
  hints: [],
  ...changes,
});

const event = (text: string, actor = 'ada'): ToldEvent => ({
  seq: 1,
  at: 0,
  actor,
  kind: 'note',
  text,
  data: {},
});

const waitings: Waiting[] = [
  { kind: 'runbook', why: 'none is linked' },
  { kind: 'begin', verdict: 'confirmed', why: 'x', next: null },
  {
    kind: 'begin',
    verdict: 'confirmed',
    why: 'x',
    next: { step: 1, title: 'Cut', risk: 'safe', run: 1, have: [], need: 1, manual: false },
  },
  { kind: 'answer', check: "cpu 'load'", question: 'Is it above 90%?', section: 'diagnosis' },
  { kind: 'approval', step: 2, title: 'Cut', risk: 'disruptive', run: 1, have: ['ada'], need: 2 },
  { kind: 'manual', step: 3, title: 'Call' },
  { kind: 'decision', step: 2, title: 'Cut', about: 'unknown', block: 0, attempt: 1 },
  { kind: 'proposal', why: 'the rate is 300/s', next: { step: 1, title: 'Cut', by: null } },
  { kind: 'take-up', why: 'database', from: 'remediating' },
];

describe('an incident at a prompt', () => {
  it('says what is known, what it waits for and what happened', () => {
    const waiting = waitings[4]!;
    const text = incidentText(view({ waiting }), [event('note: hello')], false, io);
    expect(text).toContain('CONFIRMED  The rate is 312/s.');
    expect(text).toContain('Waits for the approval of step 2, "Cut" (disruptive, 1 of 2 by ada)');
    expect(text).toContain('allclear incidents approve inc-1m81wqeph79c13hy 2');
    expect(text).toContain('1. Cut it off (disruptive; pending, 1 of 2 approvals)');
    expect(text).toContain('note: hello (ada)');
  });

  it('says who proposes what, what verify has seen, and what is under way', () => {
    const proposals = [{ step: 1, title: 'Cut it off', why: 'the rate is 300/s', by: 'an agent', at: 0 }];
    const verification = { verified: false, why: 'One check is abnormal.', at: 0, readings: [] };
    const text = incidentText(view({ proposals, verification }), [], false, io);
    expect(text).toContain('proposed by an agent: the rate is 300/s');
    expect(text).toContain('failed: One check is abnormal.');
    expect(doneText([], view({ steps: [step({ state: 'running' })] }), io)).toContain('Under way: step 1\n');
    const work = {
      kind: 'verify',
      step: null,
      block: null,
      state: 'taken',
      worker: 'w:1',
      readyAt: 0,
    } as const;
    expect(doneText([], view({ work }), io)).toContain('Under way: verify, on w:1\n');
  });

  it.each(waitings)('names the command that gives it what it waits for: $kind', (waiting) => {
    const text = doneText([], view({ waiting }), io);
    expect(text).toMatch(/Waits for .*\n(?: .*\n)*? {2}allclear incidents [a-z]+ inc-1m81wqeph79c13hy/);
  });

  it('fits 80 columns and takes nothing from outside as it is, whatever it says', () => {
    const word = string({ unit: 'grapheme', maxLength: 12 });
    const hostile = array(word, { maxLength: 60 }).map((words) => `${HOSTILE}${words.join(' ')}`);
    const parts = record({ title: hostile, label: hostile, text: hostile, output: hostile, hint: hostile });
    assert(
      property(parts, constantFrom(...waitings), (given, waiting) => {
        const { title, label, text, output, hint } = given;
        const attempts: IncidentView['steps'][number]['attempts'] = [
          {
            block: 0,
            attempt: 1,
            state: 'failed',
            worker: 'w',
            intendedAt: 0,
            endedAt: 1,
            exit: 1,
            output,
            truncated: false,
            decision: null,
          },
        ];
        const shown = incidentText(
          view({
            title,
            waiting,
            labels: { service: label },
            hints: [hint],
            steps: [step({ title, attempts })],
          }),
          [event('note'.padEnd(20), text)],
          false,
          io,
        );
        // oxlint-disable-next-line no-control-regex -- control characters are what must not be there
        expect(shown).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
        // A command is not broken: it is there to be copied.
        const lines = shown.split('\n').filter((line) => !line.startsWith('  allclear '));
        expect(lines.filter((line) => line.length > 80)).toEqual([]);
      }),
    );
  });
});

it('a runbook that fits better comes with the command that changes over, while the incident is open', () => {
  const differential = { at: 0, seconds: 1, proposed: 'leak', verdicts: [] };
  const command = 'allclear incidents adopt inc-1m81wqeph79c13hy leak';
  expect(incidentText(view({ differential }), [], false, io)).toContain(command);
  expect(incidentText(view({ differential, open: false }), [], false, io)).not.toContain(command);
});

describe('a step that is to be approved', () => {
  it('is shown with all of its commands, and the labels and parameters they see', () => {
    const command = Array.from({ length: 200 }, (_, n) => `echo ${n} "$LABEL_SERVICE" $PARAM_REGION`).join(
      '\n',
    );
    const one = step({ blocks: [{ language: 'bash', command, timeoutSeconds: 60 }] });
    const text = stepToApprove(
      one,
      view({
        labels: { service: `a"; rm -rf / #\u001b[2J`, other: 'x' },
        parameters: { PARAM_REGION: 'eu\u001b[2J', PARAM_UNUSED: 'y' },
      }),
      (_, shown) => shown,
    );
    expect(text.split('\n').filter((line) => line.startsWith('    echo '))).toHaveLength(200);
    expect(text).toContain('LABEL_SERVICE="a\\"; rm -rf / #"');
    expect(text).toContain('PARAM_REGION="eu"');
    expect(text).not.toMatch(/OTHER|UNUSED/);
    expect(text).toContain('Approved by 1 of 2: ada.');
  });
});

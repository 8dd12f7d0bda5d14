import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Io } from '../io.ts';
import type { Prompter } from '../prompter.ts';
import { incidentActionCommand } from './incident-action.ts';
import { incidentApproveCommand } from './incident-approve.ts';
import { incidentFollowCommand } from './incident-follow.ts';
import { runCommand } from './run.ts';

const RUNBOOK = `# Sick
## Diagnosis
\`\`\`bash {"name":"sick","normal":"value == 0"}
echo 1
\`\`\`
## Remediation
1. **Cut it off**
   \`\`\`bash {"risk":"disruptive"}
   echo cut
   \`\`\`
2. **Call somebody**
`;

const folder = mkdtempSync(join(tmpdir(), 'allclear-approve-'));
let out = '';
let err = '';
const io = (actor: string): Io => ({
  out: (text) => (out += text),
  err: (text) => (err += text),
  colour: false,
  interactive: false,
  columns: 80,
  cwd: folder,
  signal: new AbortController().signal,
  env: { ALLCLEAR_HOME: join(folder, 'home'), ALLCLEAR_ACTOR: actor, PATH: process.env['PATH'] },
});
const answering = (answer: boolean, asked: string[] = []): Prompter => ({
  choose: () => expect.fail('it asks for yes or no'),
  text: () => expect.fail('it asks for yes or no'),
  confirm: async (message) => {
    asked.push(message);
    return answer;
  },
});

beforeAll(async () => {
  writeFileSync(join(folder, 'sick.md'), RUNBOOK);
  await expect(runCommand('sick.md', {}, io('ada'))).rejects.toMatchObject({ code: 'E_APPROVAL_NEEDED' });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(() => {
  out = '';
  err = '';
});

describe('allclear incidents approve', () => {
  it('shows the step and asks; no means no', async () => {
    const asked: string[] = [];
    const approving = incidentApproveCommand('last', '1', {}, io('ada'), answering(false, asked));
    await expect(approving).rejects.toMatchObject({ code: 'E_CANCELLED' });
    expect(err).toContain('    echo cut\n');
    expect(asked).toEqual(['Approve step 1 (disruptive)?']);
    await expect(incidentApproveCommand('last', '1', {}, io('ada'), null)).rejects.toMatchObject({
      code: 'E_APPROVAL_NEEDED',
    });
  });

  it.each(['0', '3', 'one', '1.0', ''])('knows no step %j', async (step) => {
    await expect(incidentApproveCommand('last', step, { yes: true }, io('ada'))).rejects.toMatchObject({
      code: 'E_NOT_FOUND',
    });
  });

  it('takes two people, and says who is missing', async () => {
    await incidentApproveCommand('last', '1', {}, io('ada'), answering(true));
    expect(out).toContain('1 of 2 by ada');
    await incidentApproveCommand('last', '1', { yes: true, json: true }, io('ben'));
    expect(JSON.parse(out.slice(out.indexOf('{')))).toMatchObject({ work: { kind: 'step', step: 1 } });
  });
});

describe('allclear incidents, on the local store', () => {
  it.each([
    ['skip', { step: Number.NaN, why: 'x' }],
    ['decide', { step: 1, decision: 'maybe' }],
    ['note', { text: ' ' }],
    ['ad-hoc', { command: 'x', exit: 300 }],
  ] as const)('%s is checked before anything is asked', async (kind, body) => {
    await expect(incidentActionCommand('last', { kind, body }, {}, io('ada'))).rejects.toMatchObject({
      code: 'E_USAGE',
    });
  });

  it('writes a note, closes nothing that is confirmed, and knows no other incident', async () => {
    await incidentActionCommand('last', { kind: 'note', body: { text: 'seen\u001b[2J' } }, {}, io('ada'));
    expect(out).toContain('note: seen\n');
    const other = incidentActionCommand('inc-zz', { kind: 'verify', body: {} }, {}, io('ada'));
    await expect(other).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
  });

  it('follow shows what there is, and stops when it is told to', async () => {
    const stop = new AbortController();
    const following: Io = {
      ...io('ada'),
      signal: stop.signal,
      out: (text) => {
        out += text;
        if (text.includes('"note"')) stop.abort();
      },
    };
    expect(await incidentFollowCommand('last', { json: true }, following)).toBe(0);
    const events = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { seq: number });
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  });
});

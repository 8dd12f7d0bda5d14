/** `allclear mcp` as agents' hosts start it: on this machine's store, and in front of a server. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { Client as OlderClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as OlderTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { afterEach, describe, expect, it } from 'vitest';
import {
  type Actor,
  type Desk,
  makeToken,
  openIncident,
  perform,
  policiesSchema,
  viewIncident,
} from '../../src/engine/index.ts';
import { systemClock } from '../../src/kernel/index.ts';
import { freePort } from '../../src/lab/index.ts';
import { parseRunbook } from '../../src/runbook/index.ts';
import { listAttempts, listEvents, openStore, type Store } from '../../src/store/index.ts';
import { MAIN, start, temporaryFolder } from './program.ts';

const RUNBOOK = `---
id: disk-full
severity: critical
---
# Disk full

## Symptom

- Writes fail.

## Diagnosis

\`\`\`bash {"name":"label-reaches-it","normal":"stdout != 'db'"}
printf %s "$LABEL_SERVICE"
\`\`\`

\`\`\`bash {"name":"cannot-write","normal":"exit != 0"}
touch "$LABEL_MARK"
\`\`\`

## Remediation

1. **Clean up.** Remove what nobody needs.

   \`\`\`bash {"risk":"reversible"}
   touch "$LABEL_MARK"
   \`\`\`

## Verify

\`\`\`bash {"name":"gone","normal":"exit == 0"}
true
\`\`\`
`;

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

interface Scene {
  readonly folder: string;
  readonly store: Store;
  readonly incident: string;
  readonly desk: Desk;
}

async function scene(): Promise<Scene> {
  const folder = temporaryFolder((clean) => cleanups.push(clean));
  await mkdir(join(folder, 'runbooks'));
  await writeFile(join(folder, 'runbooks/disk-full.md'), RUNBOOK);
  const store = await openStore(join(folder, 'allclear.db'));
  cleanups.push(() => store.close());
  const incident = await store.write((tx) =>
    openIncident(
      tx,
      {
        runbook: 'disk-full',
        version: { file: 'runbooks/disk-full.md', source: RUNBOOK },
        title: 'Disk full',
        severity: 'critical',
        labels: { service: 'db', mark: join(folder, 'mark') },
        joinKey: null,
      },
      'test',
      systemClock,
    ),
  );
  const library = { list: () => [parseRunbook(RUNBOOK, 'runbooks/disk-full.md')] };
  const desk = {
    store,
    clock: systemClock,
    library,
    policies: policiesSchema.parse([]),
    params: {},
    secrets: [],
  };
  return { folder, store, incident, desk };
}

/** The others differ from these only on the wire, which the server's own tests look at. */
const modes = ['older SDK', 'auto'] as const;
type Mode = (typeof modes)[number];

async function connect(mode: Mode, { folder }: Scene, env: Record<string, string> = {}): Promise<Client> {
  const server = {
    command: process.execPath,
    args: [MAIN, 'mcp'],
    cwd: folder,
    env: {
      PATH: process.env['PATH']!,
      ALLCLEAR_STORE: join(folder, 'allclear.db'),
      ALLCLEAR_ACTOR: 'robot',
      ...env,
    },
    stderr: 'inherit' as const,
  };
  if (mode === 'older SDK') {
    const older = new OlderClient({ name: 'older', version: '1' });
    await older.connect(new OlderTransport(server));
    cleanups.push(() => older.close());
    return older as unknown as Client;
  }
  const versionNegotiation = { mode };
  const client = new Client({ name: 'newer', version: '1' }, { versionNegotiation });
  await client.connect(new StdioClientTransport(server));
  cleanups.push(() => client.close());
  return client;
}

interface Result {
  readonly isError?: boolean;
  readonly content: readonly { readonly text: string }[];
  readonly structuredContent: Record<string, unknown>;
}
async function call(client: Client, name: string, args: Record<string, unknown>): Promise<Result> {
  return (await client.callTool({ name, arguments: args })) as unknown as Result;
}

async function lookAround(client: Client, { incident, store }: Scene, agent: string): Promise<void> {
  const found = await call(client, 'search_runbooks', { query: 'writes fail' });
  expect(found.structuredContent).toMatchObject({
    runbooks: [{ id: 'disk-full', uri: 'runbook://disk-full' }],
  });
  const { contents } = await client.readResource({ uri: 'runbook://disk-full' });
  expect(contents).toMatchObject([{ text: RUNBOOK }]);
  const listed = await call(client, 'list_incidents', {});
  expect(listed.structuredContent).toMatchObject({ incidents: [{ id: incident }] });
  const said = async () =>
    (await listEvents(store.db, incident)).filter(({ actor }) => actor === agent).length;
  const before = await said();
  const diagnosis = await call(client, 'run_diagnosis', { incident });
  expect(diagnosis.structuredContent).toMatchObject({
    runbook: 'disk-full',
    readings: [{ check: 'label-reaches-it', judgement: 'abnormal' }, { check: 'cannot-write' }],
  });
  expect(await said(), 'a diagnosis changes nothing').toBe(before);
  const proposed = await call(client, 'propose_step', { incident, step: 1, why: 'the disk is full' });
  expect(proposed.isError, proposed.content[0]!.text).toBeFalsy();
  const { text } = (await call(client, 'get_timeline', { incident, limit: 100 })).content[0]!;
  expect(text).toContain('is proposed (the disk is full)');
  const view = await call(client, 'get_incident', { incident });
  expect(view.structuredContent).toMatchObject({
    incident: { proposals: expect.arrayContaining([expect.objectContaining({ by: agent, step: 1 })]) },
  });
  expect(await listAttempts(store.db, incident), 'nothing has run').toEqual([]);
}

describe('allclear mcp', () => {
  it.each(modes)(
    'serves this machine to a client of %s',
    async (mode) => {
      const there = await scene();
      await lookAround(await connect(mode, there), there, 'robot');
    },
    30_000,
  );

  it('speaks for a server with the token of an admin, who still approves nothing that way, in every mode', async () => {
    const there = await scene();
    const { token } = await makeToken(
      there.store,
      { owner: 'ann', label: 'agent', role: 'admin', seconds: 3_600 },
      'test',
    );
    const env = { ALLCLEAR_STORE: join(there.folder, 'allclear.db') };
    const service = start(['serve', '--listen', '127.0.0.1:0'], { cwd: there.folder, env });
    cleanups.push(async () => {
      service.child.kill();
      await service.ended;
    });
    const [, url] = await service.shows(/"url":"([^"]+)"/);
    for (const mode of modes) {
      const client = await connect(mode, there, { ALLCLEAR_SERVER: url!, ALLCLEAR_TOKEN: token });
      await lookAround(client, there, 'ann');
      const { approvalHash: hash } = (await viewIncident(there.desk, there.incident)).steps[0]!;
      for (const name of ['approve', 'decide', 'perform', 'approve_step']) {
        const refused = await call(client, name, { incident: there.incident, step: 1, hash }).then(
          (result) => result.isError,
          () => true,
        );
        expect(refused).toBe(true);
      }
    }
    const kinds = (await listEvents(there.store.db, there.incident)).map(({ kind }) => kind);
    expect(kinds).not.toContain('step-approval');
    expect(kinds).not.toContain('step-approved');
  }, 60_000);

  it('is told by the desk itself that agents approve nothing, whatever role they bring', async () => {
    const { desk, incident } = await scene();
    const agent: Actor = { name: 'ann', role: 'admin', via: 'agent' };
    const { approvalHash: hash } = (await viewIncident(desk, incident)).steps[0]!;
    const actions = [
      { kind: 'approve', step: 1, hash },
      { kind: 'decide', step: 1, decision: 'done' },
      { kind: 'report', step: 1, outcome: 'done', note: '' },
      { kind: 'answer', check: 'x', answer: 'yes' },
      { kind: 'adopt', runbook: 'disk-full' },
      { kind: 'close', why: 'x' },
    ] as const;
    for (const action of actions) {
      await expect(perform(desk, incident, agent, action)).rejects.toMatchObject({ code: 'E_FORBIDDEN' });
    }
  });

  it('says in words when the server refuses the token or is not there', async () => {
    const there = await scene();
    const port = await freePort();
    await expect(
      connect('older SDK', there, { ALLCLEAR_SERVER: `http://127.0.0.1:${port}`, ALLCLEAR_TOKEN: 'x' }),
    ).rejects.toThrow('the server cannot be reached (ECONNREFUSED)');
  });
});

import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { type Journal, openIncident, openJournal, type Surroundings } from '../engine/index.ts';
import { systemClock } from '../kernel/index.ts';
import { parseRunbook, type Runbook } from '../runbook/index.ts';
import { findIncident, openStore } from '../store/index.ts';
import { diagnoseIncident } from './diagnose-incident.ts';

const SURROUNDINGS: Surroundings = {
  clock: systemClock,
  cwd: tmpdir(),
  env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LABEL_INSTANCE: 'eu-1', PARAM_OLD: 'linked' },
  hosts: [],
  metrics: null,
  secrets: [],
  sampleSeconds: 1,
};

function runbook(file: string, command: string, matter = ''): Runbook {
  const check = `\`\`\`bash {"name":"value","normal":"value < 10"}\n${command}\n\`\`\``;
  return parseRunbook(`---\n${matter}\n---\n# About ${file}\n\n## Diagnosis\n\n${check}\n`, file);
}

/** Opens an incident, has it diagnosed, and gives what its time line says then. */
async function diagnosed(linked: Runbook, list: readonly Runbook[], params: Record<string, string> = {}) {
  const store = await openStore(':memory:');
  try {
    const incident = await store.write((tx) =>
      openIncident(
        tx,
        {
          runbook: linked.id,
          version: { file: linked.file, source: linked.source },
          title: linked.title,
          severity: null,
          labels: { instance: 'eu-1' },
          joinKey: null,
        },
        'test',
        systemClock,
      ),
    );
    const journal: Journal = openJournal({ store, incident, actor: 'test' });
    await journal.move({ kind: 'diagnosis-started' }, {});
    const diagnose = diagnoseIncident({ clock: systemClock, library: { list: () => list }, params });
    const about = { incident: (await findIncident(store.db, incident))!, runbook: linked };
    await journal.commit(await diagnose(about, SURROUNDINGS, new AbortController().signal));
    const events = await journal.timeline();
    const differential = events.find((event) => event.kind === 'differential')!.data;
    const { verdict } = events.find((event) => event.kind === 'verdict-reached')!.data;
    return { verdict, differential, state: (await journal.state()).state };
  } finally {
    await store.close();
  }
}

describe('the diagnosis of an incident', () => {
  it('tries the runbooks of the same folder, and no other', async () => {
    const linked = runbook('mcp/storm.md', 'echo 3');
    const { verdict, differential, state } = await diagnosed(linked, [
      linked,
      runbook('mcp/leak.md', '[ "$LABEL_INSTANCE" = eu-1 ] && echo 12'),
      runbook('mcp/disk.md', 'echo 1', 'family: storage'),
      runbook('db/lock.md', 'echo 12'),
    ]);
    expect({ verdict, state }).toEqual({ verdict: 'ruled-out', state: 'ruled-out' });
    expect(differential.verdicts.map(({ runbook: id }) => id)).toEqual(['leak']);
    expect(differential).toMatchObject({ proposed: 'leak', left: null });
  });

  it('tries the runbooks of the family that the front matter names, wherever they are', async () => {
    const linked = runbook('/kept/storm.md', 'echo 12', 'id: storm\nfamily: mcp');
    const { verdict, differential } = await diagnosed(linked, [
      runbook('a/storm.md', 'echo 3', 'id: STORM\nfamily: mcp'),
      runbook('b/leak.md', 'echo 3', 'family: mcp'),
      runbook('a/disk.md', 'echo 3'),
    ]);
    expect(verdict).toBe('confirmed');
    expect(differential.verdicts.map(({ runbook: id }) => id)).toEqual(['leak']);
    expect(differential.proposed).toBeNull();
  });

  it('gives each runbook its own parameters, and says which have none', async () => {
    const linked = runbook('storm.md', 'echo 3');
    const { differential } = await diagnosed(
      linked,
      [
        runbook('a.md', 'echo "$PARAM_LOAD$PARAM_OLD"', 'params:\n  load: how much'),
        runbook('b.md', 'echo 12', 'params:\n  region: which'),
        runbook('c.md', 'echo "$PARAM_LOAD"', 'params:\n  load:\n    default: 3'),
      ],
      { load: '12' },
    );
    expect(differential.verdicts.map((verdict) => [verdict.runbook, verdict.verdict])).toEqual([
      ['a', 'confirmed'],
      ['b', 'inconclusive'],
      ['c', 'confirmed'],
    ]);
    expect(differential.verdicts[1]!.why).toBe(
      'Its checks were not run: its parameter "region" has no value.',
    );
  });

  it('says so where there is no library', async () => {
    const { verdict, differential } = await diagnosed(runbook('storm.md', 'echo 12'), []);
    expect(verdict).toBe('confirmed');
    expect(differential).toMatchObject({
      verdicts: [],
      left: 'This worker has no library: no other runbook could be tried.',
    });
  });
});

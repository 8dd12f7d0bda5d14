/** What the tests of this folder share: a desk over a given store, incidents with steps to run, a worker of it. */
import { systemClock } from '../../kernel/index.ts';
import { parseRunbook, type Runbook } from '../../runbook/index.ts';
import type { Store } from '../../store/index.ts';
import { concludeDiagnosis } from '../conclude.ts';
import type { Desk } from '../desk/desk.ts';
import { planAndStore, planNext } from '../desk/plan-next.ts';
import { policiesSchema } from '../desk/policies.ts';
import { openIncident } from '../journal.ts';
import { incidentEnv } from '../label-env.ts';
import { testSurroundings } from '../testing.ts';
import type { WorkerOptions } from './worker.ts';

/** Each step runs one block; every one is safe, and Verify holds. */
export function stepsBook(commands: readonly string[], verify = 'echo 0'): Runbook {
  const steps = commands.map(
    (command, index) =>
      `${index + 1}. **Step ${index + 1}**\n\n   \`\`\`bash {"risk":"safe"}\n   ${command}\n   \`\`\`\n`,
  );
  const text = `# Steps

## Diagnosis

\`\`\`bash {"name":"sick","normal":"value < 1.0"}
echo 2
\`\`\`

## Remediation

${steps.join('\n')}
## Verify

\`\`\`bash {"name":"well","normal":"value < 1.0","within":"1s"}
${verify}
\`\`\`
`;
  return parseRunbook(text, 'steps.md');
}

/** A desk whose policy begins by itself, and runs safe steps alone. */
export function autonomousDesk(store: Store): Desk {
  return {
    store,
    clock: systemClock,
    library: { list: () => [] },
    policies: policiesSchema.parse([{ 'begin-when-confirmed': true, 'run-alone': ['safe'] }]),
    params: {},
    secrets: [],
  };
}

export function openSteps(desk: Desk, runbook: Runbook, site = ''): Promise<string> {
  return desk.store.write(async (tx) => {
    const opening = {
      runbook: runbook.id,
      version: { file: runbook.file, source: runbook.source },
      title: runbook.title,
      severity: null,
      labels: { instance: 'mcp-1' },
      joinKey: null,
      site,
    };
    const id = await openIncident(tx, opening, 'test', desk.clock);
    await planAndStore(tx, desk, id);
    return id;
  });
}

let workers = 0;

/** A worker whose diagnosis confirms without looking. */
export function workerOptions(desk: Desk, changes: Partial<WorkerOptions> = {}): WorkerOptions {
  workers += 1;
  return {
    store: desk.store,
    clock: systemClock,
    name: `test:${process.pid}:${workers}`,
    version: 'test',
    sites: null,
    concurrency: 4,
    lease: { ms: 5_000, renewMs: 1_500 },
    surround: ({ incident, runbook }) => {
      const surroundings = testSurroundings();
      const env = {
        ...(runbook && incidentEnv(runbook, incident.labels, desk.params)),
        ALLCLEAR_INCIDENT: incident.id,
      };
      return { ...surroundings, env: { ...surroundings.env, ...env } };
    },
    planNext: planNext(desk),
    diagnose: async ({ incident }) => {
      const found = {
        runbook: incident.runbook,
        verdict: 'confirmed' as const,
        why: 'It is sick.',
        readings: [],
      };
      const about = { runbook: { id: incident.runbook }, surroundings: { clock: desk.clock } };
      return (page) => concludeDiagnosis(page, about, found);
    },
    levers: null,
    verifying: { within: 1, pollSeconds: 0.1 },
    log: () => {},
    drainSeconds: 5,
    ...changes,
  };
}

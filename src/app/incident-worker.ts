/** A worker for the incidents of a desk, with what commands run with on this machine. */
import { randomBytes } from 'node:crypto';
import {
  type Case,
  DEFAULT_LEASE,
  type Desk,
  describeSandbox,
  incidentEnv,
  type Lease,
  planNext,
  runWorker,
  type SandboxSettings,
  type Surroundings,
  type Worker,
} from '../engine/index.ts';
import type { Log } from '../kernel/index.ts';
import { diagnoseIncident } from './diagnose-incident.ts';
import { leversOf } from './guard-levers.ts';
import { workerName } from './home.ts';
import { openSandbox } from './sandbox.ts';
import { openSurroundings, type SurroundingsOptions } from './surroundings.ts';
import { VERSION } from './version.ts';

export interface IncidentWorkerOptions {
  readonly desk: Desk;
  /** Names of sites; null: work of any site. */
  readonly sites: readonly string[] | null;
  /** Jobs at once. */
  readonly concurrency: number;
  readonly drainSeconds: number;
  readonly lease?: Lease | undefined;
  /** Where metrics and hosts are. */
  readonly surroundings: SurroundingsOptions;
  /** What checks are kept in; steps never are. */
  readonly sandbox: SandboxSettings;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly log: Log;
}

/** Starts it. `stop` also ends what its surroundings hold. Errors: `E_USAGE`, the store's. */
export async function startIncidentWorker(options: IncidentWorkerOptions): Promise<Worker> {
  const { desk, env, cwd, log } = options;
  const { clock, store } = desk;
  const sandbox = await openSandbox(options.sandbox);
  log({ event: 'sandbox', sandbox: describeSandbox(sandbox) });
  const opened = await openSurroundings(options.surroundings, { env, cwd, clock });
  const name = `${workerName()}:${randomBytes(3).toString('hex')}`;
  const surround = surroundWith(
    desk,
    { ...opened.surroundings, ...knownSecrets(desk, opened.surroundings), sandbox },
    name,
  );
  try {
    const worker = await runWorker({
      store,
      clock,
      name,
      version: VERSION,
      sites: options.sites,
      concurrency: options.concurrency,
      lease: options.lease ?? DEFAULT_LEASE,
      surround,
      planNext: planNext(desk),
      diagnose: diagnoseIncident(desk),
      levers: await leversOf(env),
      log,
      drainSeconds: options.drainSeconds,
    });
    const stop = async () => {
      await worker.stop();
      await opened.close();
    };
    return { name, jobs: () => worker.jobs(), stop };
  } catch (error) {
    await opened.close();
    throw error;
  }
}

function knownSecrets(desk: Desk, { secrets }: Surroundings): Pick<Surroundings, 'secrets'> {
  return { secrets: [...secrets, ...desk.secrets] };
}

/** What approvals were given for, as the desk renders it; and whose incident it is. */
function surroundWith(desk: Desk, base: Surroundings, actor: string) {
  return ({ incident, runbook }: Case): Surroundings => ({
    ...base,
    env: {
      ...base.env,
      ...(runbook && incidentEnv(runbook, incident.labels, desk.params)),
      ALLCLEAR_INCIDENT: incident.id,
      ALLCLEAR_ACTOR: actor,
    },
  });
}

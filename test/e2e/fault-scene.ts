/**
 * A whole service under attack: a server, two workers, alerts, approvals and notes that come in all the time, and somebody
 * who kills. What is acknowledged is remembered here and held against the store; what runs leaves a mark in a file
 * of its own.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type IncidentView, makeToken } from '../../src/engine/index.ts';
import {
  findAlert,
  listAttempts,
  listEvents,
  listIncidents,
  openStore,
  type Store,
  verifyAudit,
} from '../../src/store/index.ts';
import { MAIN } from './program.ts';

export const LEASE_SECONDS = 1;
const WORKERS = 2;
/** Programs that may be killed: the workers, and then the server. */
export const PROGRAMS = WORKERS + 1;
const MARGIN_SECONDS = 5;

/** What was seen: the figures that the scene is about. */
export interface Tally {
  kills: { server: number; worker: number };
  acknowledged: { alerts: number; approvals: number; notes: number };
  refused: number;
  lost: { alerts: number; approvals: number; notes: number };
  stepsBegun: number;
  ranTwice: number;
  /** Steps that began without an intent in the store. */
  ranUnrecorded: number;
  interrupted: number;
  notUnknownInTime: number;
  slowestUnknownSeconds: number;
  auditFindings: number;
}

interface Acknowledged {
  readonly alerts: { fingerprint: string; startsAt: number }[];
  readonly approvals: { incident: string; step: number }[];
  readonly notes: { incident: string; text: string }[];
}

/** Step 1 runs alone, step 2 needs an approval; each marks its beginning, then takes a moment. */
function runbook(folder: string): string {
  const step = (index: number, risk: string) =>
    `${index}. **Step ${index}**\n\n   \`\`\`bash {"risk":"${risk}"}\n   echo "$ALLCLEAR_INCIDENT ${index}" >> ${folder}/begun.log; sleep 0.15\n   \`\`\`\n`;
  const check = (name: string, value: number) =>
    `\`\`\`bash {"name":"${name}","normal":"value < 1.0","within":"1s"}\necho ${value}\n\`\`\`\n`;
  return `# Sick\n\n## Diagnosis\n\n${check('sick', 2)}\n## Remediation\n\n${step(1, 'safe')}\n${step(2, 'reversible')}\n## Verify\n\n${check('well', 0)}`;
}

const CONFIG = `
policies:
  - begin-when-confirmed: true
    run-alone: [safe]
`;

class Program {
  readonly #args: readonly string[];
  readonly #scene: Scene;
  child: ChildProcess | null = null;
  /** From the ready line. */
  ready: { url?: string; worker?: string | null } | null = null;
  stderr = '';

  constructor(scene: Scene, args: readonly string[]) {
    this.#scene = scene;
    this.#args = args;
  }

  /** Resolves when it is ready, or has ended. */
  start(): Promise<void> {
    this.ready = null;
    const { folder, location } = this.#scene;
    const child = spawn(process.execPath, [MAIN, ...this.#args], {
      cwd: folder,
      env: {
        PATH: process.env['PATH'],
        HOME: folder,
        NODE_COMPILE_CACHE: join(folder, 'compiled'),
        ALLCLEAR_STORE: location,
        ALLCLEAR_LEASE_SECONDS: String(LEASE_SECONDS),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr = (this.stderr + text).slice(-4_000);
    });
    return new Promise((resolve) => {
      let out = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        out += text;
        if (!out.includes('\n') || this.ready) return;
        this.ready = JSON.parse(out.slice(0, out.indexOf('\n'))) as NonNullable<Program['ready']>;
        resolve();
      });
      child.once('exit', () => resolve());
    });
  }

  kill(): Promise<void> {
    const { child } = this;
    if (!child || child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
    return new Promise((resolve) => {
      child.once('exit', () => resolve());
      child.kill('SIGKILL');
    });
  }
}

export class Scene {
  readonly folder: string;
  readonly location: string;
  readonly tally: Tally = {
    kills: { server: 0, worker: 0 },
    acknowledged: { alerts: 0, approvals: 0, notes: 0 },
    refused: 0,
    lost: { alerts: 0, approvals: 0, notes: 0 },
    stepsBegun: 0,
    ranTwice: 0,
    ranUnrecorded: 0,
    interrupted: 0,
    notUnknownInTime: 0,
    slowestUnknownSeconds: 0,
    auditFindings: 0,
  };
  readonly #acknowledged: Acknowledged = { alerts: [], approvals: [], notes: [] };
  readonly #server: Program;
  readonly #workers: readonly Program[];
  readonly #watching: Promise<void>[] = [];
  #store: Store | null = null;
  #token = '';
  #over = false;
  #load: Promise<void>[] = [];

  constructor(folder: string, location: string) {
    this.folder = folder;
    this.location = location;
    mkdirSync(join(folder, 'runbooks'), { recursive: true });
    writeFileSync(join(folder, 'runbooks', 'sick.md'), runbook(folder));
    writeFileSync(join(folder, 'allclear.yaml'), CONFIG);
    const serve = ['serve', '--listen', '127.0.0.1:0', '--no-worker', '--config', 'allclear.yaml'];
    this.#server = new Program(this, [...serve, '--runbooks', 'runbooks']);
    const worker = ['worker', '--concurrency', '4', '--runbooks', 'runbooks'];
    this.#workers = Array.from({ length: WORKERS }, () => new Program(this, worker));
  }

  get store(): Store {
    return this.#store!;
  }

  /** Starts everything, and the load. */
  async begin(): Promise<void> {
    this.#store = await openStore(this.location);
    const wish = { owner: 'tester', role: 'admin', label: '', seconds: null } as const;
    this.#token = (await makeToken(this.store, wish, 'test')).token;
    await Promise.all([this.#server, ...this.#workers].map((program) => program.start()));
    if (!this.#server.ready) throw new Error(`the server did not start:\n${this.#server.stderr}`);
    this.#load = [this.#sendAlerts(), this.#approveAndNote()];
  }

  /** Kills one of them with SIGKILL, and starts it again. */
  async strike(which: number): Promise<void> {
    const target = which % PROGRAMS;
    if (target === WORKERS) {
      await this.#server.kill();
      this.tally.kills.server += 1;
      await this.#server.start();
      return;
    }
    const program = this.#workers[target]!;
    const name = program.ready?.worker;
    await program.kill();
    this.tally.kills.worker += 1;
    const killedAt = performance.now();
    if (name) this.#watching.push(this.#watch(name, killedAt));
    await program.start();
  }

  /** Everything that this worker was doing is unknown in time. */
  async #watch(worker: string, killedAt: number): Promise<void> {
    const rows = await this.#patiently((store) =>
      store.db
        .selectFrom('step_attempts')
        .select('id')
        .where('worker', '=', worker)
        .where('state', 'in', ['intended', 'running'])
        .execute(),
    );
    this.tally.interrupted += rows.length;
    for (const { id } of rows) {
      for (;;) {
        const found = await this.#patiently((store) =>
          store.db.selectFrom('step_attempts').select('state').where('id', '=', id).executeTakeFirstOrThrow(),
        );
        const seconds = (performance.now() - killedAt) / 1000;
        if (found.state === 'unknown') {
          this.tally.slowestUnknownSeconds = Math.max(this.tally.slowestUnknownSeconds, seconds);
          if (seconds > LEASE_SECONDS + MARGIN_SECONDS) this.tally.notUnknownInTime += 1;
          break;
        }
        if (seconds > 60) {
          this.tally.notUnknownInTime += 1;
          break;
        }
        await pause(50);
      }
    }
  }

  /**
   * What is under way when the attack is over has ended, or is unknown, in time: nothing runs for ever, whatever it was
   * that interrupted it. A step takes far less than the margin.
   */
  async #settle(): Promise<void> {
    const inFlight = (store: Store) =>
      store.db.selectFrom('step_attempts').select('id').where('state', 'in', ['intended', 'running']);
    const rows = await this.#patiently((store) => inFlight(store).execute());
    const deadline = performance.now() + (LEASE_SECONDS + MARGIN_SECONDS) * 1000;
    let left = rows.map(({ id }) => id);
    while (left.length > 0 && performance.now() < deadline) {
      await pause(100);
      const still = await this.#patiently((store) => inFlight(store).where('id', 'in', left).execute());
      left = still.map(({ id }) => id);
    }
    this.tally.notUnknownInTime += left.length;
  }

  /** Until another step has begun: the next attack finds the workers at work. */
  async steps(withinSeconds: number): Promise<void> {
    const before = this.#begun().length;
    const deadline = performance.now() + withinSeconds * 1000;
    while (this.#begun().length === before && performance.now() < deadline) await pause(20);
  }

  /** Until so many more approvals are acknowledged: the next attack finds the service at work. */
  async progress(more: number, withinSeconds: number): Promise<void> {
    const wanted = this.#acknowledged.approvals.length + more;
    const deadline = performance.now() + withinSeconds * 1000;
    while (this.#acknowledged.approvals.length < wanted && performance.now() < deadline) await pause(50);
  }

  /** While the store itself is attacked, a reading may fail for a while. */
  async #patiently<T>(read: (store: Store) => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await read(this.store);
      } catch {
        await pause(100);
      }
    }
  }

  async #sendAlerts(): Promise<void> {
    for (let number = 0; !this.#over; number++) {
      const fingerprint = randomBytes(8).toString('hex');
      const startsAt = Date.now();
      const alert = {
        status: 'firing',
        labels: { alertname: 'Sick', service: `service-${number}` },
        annotations: { runbook_url: 'https://git.example/runbooks/sick.md' },
        startsAt: new Date(startsAt).toISOString(),
        endsAt: '0001-01-01T00:00:00Z',
        generatorURL: '',
        fingerprint,
      };
      const body = {
        version: '4',
        groupKey: `{}:{number="${number}"}`,
        truncatedAlerts: 0,
        status: 'firing',
        receiver: 'allclear',
        groupLabels: {},
        commonLabels: alert.labels,
        commonAnnotations: alert.annotations,
        externalURL: '',
        alerts: [alert],
      };
      const answer = await this.#post('/api/v1/webhooks/alertmanager', body);
      if (answer?.ok) this.#acknowledged.alerts.push({ fingerprint, startsAt });
      else this.tally.refused += 1;
      await pause(60);
    }
  }

  /** Approves what waits for it, and writes a note on it. */
  async #approveAndNote(): Promise<void> {
    while (!this.#over) {
      const listed = await this.#patiently((store) =>
        listIncidents(store.db, { limit: 100, openOnly: true }),
      );
      for (const { id, waiting } of listed) {
        if (this.#over) return;
        if ((waiting as { kind?: string } | null)?.kind !== 'approval') continue;
        const view = await this.#get(`/api/v1/incidents/${id}`);
        const { step } = waiting as { step: number };
        const hash = view?.steps.find(({ index }) => index === step)?.approvalHash;
        if (!hash) continue;
        const approved = await this.#post(`/api/v1/incidents/${id}/actions/approve`, { step, hash });
        if (approved?.ok) this.#acknowledged.approvals.push({ incident: id, step });
        const text = randomBytes(6).toString('hex');
        const noted = await this.#post(`/api/v1/incidents/${id}/actions/note`, { text });
        if (noted?.ok) this.#acknowledged.notes.push({ incident: id, text });
      }
      await pause(100);
    }
  }

  #headers(): Record<string, string> {
    return { authorization: `Bearer ${this.#token}`, 'content-type': 'application/json' };
  }

  /** Null when nobody answered: then nothing was acknowledged. */
  async #post(path: string, body: unknown): Promise<Response | null> {
    const url = this.#server.ready?.url;
    if (!url) return null;
    const signal = AbortSignal.timeout(5_000);
    const request = { method: 'POST', headers: this.#headers(), body: JSON.stringify(body), signal };
    const answer = await fetch(url + path, request).catch(() => null);
    await answer?.arrayBuffer().catch(() => null);
    return answer;
  }

  async #get(path: string): Promise<IncidentView | null> {
    const url = this.#server.ready?.url;
    if (!url) return null;
    const signal = AbortSignal.timeout(5_000);
    const answer = await fetch(url + path, { headers: this.#headers(), signal }).catch(() => null);
    if (!answer?.ok) return null;
    return (await answer.json().catch(() => null)) as IncidentView | null;
  }

  /** Ends the load, waits until all that was interrupted is known to be, ends everything, and counts. */
  async end(): Promise<Tally> {
    this.#over = true;
    await Promise.all(this.#load);
    await Promise.all(this.#watching);
    await this.#settle();
    await Promise.all([this.#server, ...this.#workers].map((program) => program.kill()));
    try {
      await this.#count();
    } finally {
      await this.store.close();
    }
    return this.tally;
  }

  /** Ends what still runs, whatever has happened. */
  async abandon(): Promise<void> {
    this.#over = true;
    await Promise.all([this.#server, ...this.#workers].map((program) => program.kill()));
    await this.#store?.close().catch(() => {});
  }

  async #count(): Promise<void> {
    const { tally, store } = this;
    const { alerts, approvals, notes } = this.#acknowledged;
    tally.acknowledged = { alerts: alerts.length, approvals: approvals.length, notes: notes.length };
    for (const { fingerprint, startsAt } of alerts) {
      if (!(await findAlert(store.db, fingerprint, startsAt))) tally.lost.alerts += 1;
    }
    for (const { incident, step } of approvals) {
      const events = await listEvents(store.db, incident);
      const kept = events.some(
        ({ kind, data }) => kind === 'step-approval' && (data as { step: number }).step === step,
      );
      if (!kept) tally.lost.approvals += 1;
    }
    for (const { incident, text } of notes) {
      const events = await listEvents(store.db, incident);
      if (!events.some(({ kind, data }) => kind === 'note' && (data as { text: string }).text === text))
        tally.lost.notes += 1;
    }
    await this.#countRuns();
    tally.auditFindings = (await verifyAudit(store)).findings.length;
  }

  /** Each line: an incident and its step, written by the step itself as it began. */
  #begun(): string[] {
    const file = join(this.folder, 'begun.log');
    return existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : [];
  }

  async #countRuns(): Promise<void> {
    const begun = this.#begun();
    this.tally.stepsBegun = begun.length;
    // Nobody has ever decided that a step is to run again.
    this.tally.ranTwice = begun.length - new Set(begun).size;
    for (const line of begun) {
      const [incident = '', step] = line.split(' ');
      const attempts = await listAttempts(this.store.db, incident);
      if (!attempts.some((attempt) => attempt.step === Number(step))) this.tally.ranUnrecorded += 1;
    }
  }
}

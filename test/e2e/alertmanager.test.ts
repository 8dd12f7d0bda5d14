/**
 * The whole way of a page: a real failure in the lab, seen by a real Prometheus with the shipped rules, sent by a real
 * Alertmanager with generated configuration, opens the right incident of `allclear serve`, with the right verdict.
 */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { IncidentView } from '../../src/engine/index.ts';
import { systemClock } from '../../src/kernel/index.ts';
import {
  freePort,
  Lab,
  type Scene,
  type SceneOptions,
  stageSessionStorm,
  stageTokenRefreshCascade,
  stageToolTimeoutSpiral,
} from '../../src/lab/index.ts';
import {
  ALERTING_MISSING,
  hasAlerting,
  type Part,
  startAlertmanager,
  startPrometheus,
} from './alerting-stack.ts';
import { MAIN, type Running, root, run, start, temporaryFolder } from './program.ts';

if (!hasAlerting && process.env['CI']) throw new Error(ALERTING_MISSING);
if (!hasAlerting) console.warn(ALERTING_MISSING);

interface Case {
  readonly failure: string;
  readonly alert: string;
  readonly clients: number;
  readonly stage: (lab: Lab, options: SceneOptions) => Promise<Scene>;
}

const CASES: readonly Case[] = [
  {
    failure: 'session-storm',
    alert: 'McpSessionStorm',
    // Three times as many as can shake hands before the first of them give up: it lasts until somebody acts.
    clients: 400,
    stage: (lab, options) => stageSessionStorm(lab, { ...options, initializeCostMs: 40 }),
  },
  {
    failure: 'token-refresh-cascade',
    alert: 'McpTokenRefreshCascade',
    clients: 60,
    stage: stageTokenRefreshCascade,
  },
  {
    failure: 'tool-timeout-spiral',
    alert: 'McpToolTimeoutSpiral',
    clients: 60,
    stage: stageToolTimeoutSpiral,
  },
];

describe.runIf(hasAlerting)('from a failure to an incident, through Prometheus and Alertmanager', () => {
  const cleanups: (() => unknown)[] = [];
  const home = temporaryFolder((clean) => cleanups.push(clean));
  let service: Running;
  let url = '';
  let token = '';
  let alertmanager: Part;
  let prometheusPort = 0;
  let guardPorts: readonly [number, number] = [0, 0];

  beforeAll(async () => {
    prometheusPort = await freePort();
    guardPorts = [await freePort(), await freePort()];
    const env = {
      ALLCLEAR_HOME: home,
      ALLCLEAR_PROMETHEUS: `http://127.0.0.1:${prometheusPort}`,
      ALLCLEAR_GUARD_URL: `http://127.0.0.1:${guardPorts[1]}`,
    };
    const made = await run(['token', 'create', '--owner', 'alertmanager', '--role', 'responder', '--json'], {
      env,
    });
    token = (JSON.parse(made.stdout) as { token: string }).token;
    const tokenFile = join(home, 'token');
    writeFileSync(tokenFile, token, { mode: 0o600 });
    service = start(['serve', '--listen', '127.0.0.1:0', '--runbooks', join(root, 'runbooks')], { env });
    url = (await service.shows(/"url":"([^"]+)"/))[1]!;
    alertmanager = await startAlertmanager(home, url, tokenFile);
  });
  afterAll(async () => {
    await alertmanager?.stop();
    service?.child.kill();
    await service?.ended;
    for (const clean of cleanups) clean();
  });

  async function api<T>(path: string): Promise<T> {
    const response = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}` } });
    return (await response.json()) as T;
  }

  /** The incident of a runbook once its verdict stands. */
  async function diagnosed(runbook: string): Promise<IncidentView | null> {
    const { incidents } = await api<{ incidents: { id: string; runbook: string }[] }>('/api/v1/incidents');
    const found = incidents.find((incident) => incident.runbook === runbook);
    const view = found && (await api<IncidentView>(`/api/v1/incidents/${found.id}`));
    return view?.verdict && view.differential ? view : null;
  }

  it.each(CASES)('$failure', async ({ failure, alert, clients, stage }) => {
    const lab = new Lab({ clock: systemClock });
    try {
      const guard = {
        command: [process.execPath, MAIN, 'guard'] as [string, ...string[]],
        listen: `127.0.0.1:${guardPorts[0]}`,
        admin: `127.0.0.1:${guardPorts[1]}`,
        token: randomBytes(18).toString('base64url'),
        notice: null,
      };
      const scene = await stage(lab, { clients, guard });
      const prometheus = await startPrometheus(home, scene, alertmanager, prometheusPort);
      lab.add(prometheus);
      await scene.connect(lab.signal);
      await scene.inject();
      await expect.poll(() => diagnosed(failure), { timeout: 60_000, interval: 500 }).not.toBeNull();
      const incident = (await diagnosed(failure))!;
      expect(incident).toMatchObject({ verdict: { verdict: 'confirmed' }, alerts: { count: 1, firing: 1 } });
      expect(incident.alerts.first[0]?.labels['alertname']).toBe(alert);
      expect(incident.alerts.first[0]?.annotations['runbook_url']).toBe(
        `https://git.example/ops/runbooks/${failure}.md`,
      );
      const others = incident.differential!.verdicts.filter(({ runbook }) => runbook !== failure);
      expect(others.map(({ verdict }) => verdict)).toEqual(others.map(() => 'ruled-out'));
      expect(incident.waiting).toMatchObject({ kind: 'begin', verdict: 'confirmed' });
    } finally {
      await lab.stop();
    }
  });

  it('and what Prometheus has loaded is covered by the shipped runbooks', async () => {
    const lab = new Lab({ clock: systemClock });
    try {
      const nothing = { targets: [] } as unknown as Scene;
      const prometheus = await startPrometheus(home, nothing, alertmanager, await freePort());
      lab.add(prometheus);
      const { code, stdout } = await run(['coverage', '--prometheus', prometheus.url, '--json']);
      expect({ code, ...JSON.parse(stdout) }).toMatchObject({
        code: 0,
        noRunbook: [],
        deadLinks: [],
        noAlert: [],
      });
      expect(JSON.parse(stdout).covered).toBeGreaterThanOrEqual(5);
    } finally {
      await lab.stop();
    }
  });
});

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { alertmanagerConfig } from '../../src/app/alerting-files.ts';
import { freePort } from '../../src/lab/index.ts';
import type { Service } from './service.ts';

const POST = 1_000;
const LIMIT_MS = 120_000;

/**
 * From posting so many alerts to a real Alertmanager until the service has all of them: the pace at which Alertmanager
 * sends, with the configuration that `allclear init` writes and no waiting for groups.
 */
export async function alertmanagerPace(
  parent: string,
  service: Service,
  alerts: number,
): Promise<{ seconds: number; alertsPerSecond: number } | string> {
  if (spawnSync('prometheus-alertmanager', ['--version']).status !== 0) return 'Alertmanager is missing';
  const folder = mkdtempSync(join(parent, 'alertmanager-'));
  const port = await freePort();
  const config = alertmanagerConfig({
    url: service.url,
    credentialsFile: service.tokenFile,
    alertmanager: '',
    guards: [],
    servers: [],
    rulesFile: '',
  });
  const file = join(folder, 'alertmanager.yml');
  writeFileSync(
    file,
    config.replace('group_wait: 5s', 'group_wait: 0s').replace('group_interval: 1m', 'group_interval: 1s'),
  );
  const child = spawn(
    'prometheus-alertmanager',
    [
      `--config.file=${file}`,
      `--storage.path=${folder}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--cluster.listen-address=',
      '--log.level=error',
    ],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  );
  try {
    const url = `http://127.0.0.1:${port}`;
    await until(async () => (await fetch(`${url}/-/ready`)).ok);
    const began = performance.now();
    for (let from = 0; from < alerts; from += POST) await post(url, from, Math.min(POST, alerts - from));
    await until(async () => (await alertCount(service)) >= alerts);
    const seconds = Math.round(performance.now() - began) / 1000;
    return { seconds, alertsPerSecond: Math.round(alerts / seconds) };
  } finally {
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }
}

async function post(url: string, from: number, count: number): Promise<void> {
  const alerts = Array.from({ length: count }, (_, index) => ({
    labels: {
      alertname: 'Storm',
      cluster: `am-${(from + index) % 20}`,
      instance: `i-${from + index}`,
      severity: 'critical',
    },
    annotations: { summary: '812 MCP clients wait for a session' },
  }));
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${url}/api/v2/alerts`, {
    method: 'POST',
    headers,
    body: JSON.stringify(alerts),
  });
  if (!response.ok) throw new Error(`Alertmanager answered ${response.status}: ${await response.text()}`);
}

async function alertCount({ url, token }: Service): Promise<number> {
  const headers = { authorization: `Bearer ${token}` };
  const response = await fetch(`${url}/api/v1/incidents?limit=100`, { headers });
  const { incidents } = (await response.json()) as { incidents: { alertCount: number }[] };
  return incidents.reduce((sum, incident) => sum + incident.alertCount, 0);
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + LIMIT_MS;
  while (!(await holds().catch(() => false))) {
    if (performance.now() > deadline) throw new Error('it took too long');
    await sleep(50);
  }
}

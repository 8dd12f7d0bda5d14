/** A real Prometheus and a real Alertmanager, in temporary folders, configured by what `allclear init` writes. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, type Scene } from '../../src/lab/index.ts';
import { run } from './program.ts';

export const hasAlerting = ['prometheus', 'prometheus-alertmanager', 'promtool', 'amtool'].every(
  (tool) => spawnSync(tool, ['--version']).status === 0,
);
export const ALERTING_MISSING =
  'Prometheus and Alertmanager are missing: apt-get update && apt-get install -y prometheus prometheus-alertmanager';

export interface Part {
  readonly url: string;
  stop(): Promise<void>;
}

/** Sends every alert to `serviceUrl` with the token in `tokenFile`. */
export async function startAlertmanager(
  folder: string,
  serviceUrl: string,
  tokenFile: string,
): Promise<Part> {
  const args = ['init', '--alertmanager', '--url', serviceUrl, '--credentials-file', tokenFile];
  const generated = (await run(args)).stdout;
  // The pace is the only thing that is not as generated: a test cannot wait.
  const config = generated
    .replace('group_wait: 5s', 'group_wait: 0s')
    .replace('group_interval: 1m', 'group_interval: 1s');
  const file = write(folder, 'alertmanager.yml', config);
  const port = await freePort();
  return startPart('prometheus-alertmanager', port, [
    `--config.file=${file}`,
    `--storage.path=${join(folder, 'alertmanager')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--cluster.listen-address=',
  ]);
}

/** Scrapes the scene every second, and evaluates the shipped rules. */
export async function startPrometheus(
  folder: string,
  scene: Scene,
  alertmanager: Part,
  port: number,
): Promise<Part> {
  const hosts = (job: string) =>
    scene.targets.filter((target) => target.job === job).map(({ url }) => new URL(url).host);
  const options = [
    ...hosts('mcp-guard').flatMap((host) => ['--guard', host]),
    ...scene.targets
      .filter(({ job }) => job !== 'mcp-guard')
      .flatMap(({ url }) => ['--server', new URL(url).host]),
  ];
  const links = ['--prefix', 'https://git.example/ops/runbooks'];
  const address = ['--alertmanager-address', new URL(alertmanager.url).host];
  await run(['init', '--prometheus', '--force', '--dir', folder, ...links, ...address, ...options]);
  const file = join(folder, 'prometheus.yml');
  writeFileSync(file, readFileSync(file, 'utf8').replaceAll('_interval: 5s', '_interval: 1s'));
  const data = join(folder, `data-${port}-${hosts('mcp-server').join('')}`.replaceAll(/[^\w-]/g, '_'));
  return startPart('prometheus', port, [
    `--config.file=${file}`,
    `--storage.tsdb.path=${data}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ]);
}

function write(folder: string, name: string, text: string): string {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

async function startPart(program: string, port: number, args: readonly string[]): Promise<Part> {
  const child = spawn(program, [...args, '--log.level=warn'], { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => (log = `${log}${chunk.toString()}`.slice(-4_000)));
  const url = `http://127.0.0.1:${port}`;
  const deadline = Date.now() + 20_000;
  while (!(await isReady(url))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      await end(child);
      throw new Error(`${program} does not start:\n${log}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return { url, stop: () => end(child) };
}

function isReady(url: string): Promise<boolean> {
  return fetch(`${url}/-/ready`).then(
    ({ ok }) => ok,
    () => false,
  );
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

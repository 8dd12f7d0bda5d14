import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { describeSandbox, probeSandbox } from '../../src/engine/index.ts';
import { run, start, temporaryFolder } from './program.ts';

const sandbox = await probeSandbox({ mode: 'auto', network: true, show: [] });

const check = (command: string): string =>
  `## Diagnosis\n\n\`\`\`bash {"name":"load","normal":"value < 10"}\n${command}\n\`\`\`\n`;

/** The whole service: an alert, the wrong runbook linked, and a check that would write. */
it('an incident says what its whole family says, made where nothing can be changed', async (context) => {
  if (sandbox.state !== 'closed' && !process.env['CI']) {
    context.skip(`there is no sandbox: apt-get install -y bubblewrap (${sandbox.why})`);
  }
  const folder = temporaryFolder(onTestFinished);
  const written = join(homedir(), `.allclear-diagnosis-test-${process.pid}`);
  mkdirSync(join(folder, 'runbooks'));
  writeFileSync(
    join(folder, 'runbooks', 'storm.md'),
    `---\nalerts: [Storm]\n---\n# Storm\n\n${check(`echo x > ${written}; echo 3`)}`,
  );
  writeFileSync(join(folder, 'runbooks', 'leak.md'), `# Leak\n\n${check('echo 12')}`);
  const env = { ALLCLEAR_HOME: join(folder, 'home') };
  const made = await run(['token', 'create', '--owner', 'ada', '--role', 'admin', '--json'], {
    cwd: folder,
    env,
  });
  const { token } = JSON.parse(made.stdout) as { token: string };
  const service = start(['serve', '--listen', '127.0.0.1:0', '--json-logs'], { cwd: folder, env });
  onTestFinished(async () => {
    service.child.kill('SIGTERM');
    await service.ended;
  });
  const [url] = await service.shows(/http:\/\/127\.0\.0\.1:\d+/);
  const ask = async (path: string, body?: object): Promise<Record<string, unknown>> => {
    const response = await fetch(`${url}/api/v1/${path}`, {
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body ? { method: 'POST', body: JSON.stringify(body) } : {}),
    });
    return (await response.json()) as Record<string, unknown>;
  };
  const alert = { status: 'firing', startsAt: new Date().toISOString(), labels: { alertname: 'Storm' } };
  const { incidents } = await ask('webhooks/alertmanager', { version: '4', alerts: [alert] });
  const id = (incidents as string[])[0]!;
  let view = await ask(`incidents/${id}`);
  for (let turn = 0; turn < 300 && !view['verdict']; turn++) {
    await sleep(100);
    view = await ask(`incidents/${id}`);
  }
  expect(view).toMatchObject({
    sandbox: describeSandbox(sandbox),
    verdict: {
      verdict: 'ruled-out',
      readings: [{ judgement: 'normal', output: expect.stringContaining('Read-only file system') as string }],
    },
    differential: { proposed: 'leak', verdicts: [{ runbook: 'leak', verdict: 'confirmed' }] },
  });
  expect(existsSync(written)).toBe(false);
}, 90_000);

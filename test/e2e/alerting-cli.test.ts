/** What teams put into the Prometheus and the Alertmanager that they run: checked by the tools that come with those. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { root, run, temporaryFolder } from './program.ts';

const hasTools = ['promtool', 'amtool'].every((tool) => spawnSync(tool, ['--version']).status === 0);
const MISSING =
  'promtool and amtool are missing: apt-get update && apt-get install -y prometheus prometheus-alertmanager';
if (!hasTools && process.env['CI']) throw new Error(MISSING);
if (!hasTools) console.warn(MISSING);

describe.runIf(hasTools)('generated configuration', () => {
  it('is accepted by promtool and amtool, and leads from a rule to the webhook', async () => {
    const dir = temporaryFolder(onTestFinished);
    const args = [
      'init',
      '--dir',
      dir,
      '--prefix',
      'https://a.example/runbooks/{id}',
      '--url',
      'https://a.example/x/',
    ];
    const { code, stdout } = await run([...args, '--guard', 'mcp-1:9090', '--server', 'mcp-1:9100']);
    expect({ code, files: stdout.trim().split('\n').length }).toEqual({ code: 0, files: 3 });
    expect(readdirSync(dir).toSorted()).toEqual(['alertmanager.yml', 'allclear-rules.yml', 'prometheus.yml']);
    execFileSync('promtool', ['check', 'config', join(dir, 'prometheus.yml')]);
    execFileSync('amtool', ['check-config', join(dir, 'alertmanager.yml')]);
    const alertmanager = readFileSync(join(dir, 'alertmanager.yml'), 'utf8');
    expect(alertmanager).toContain('https://a.example/x/api/v1/webhooks/alertmanager');
    expect(readFileSync(join(dir, 'allclear-rules.yml'), 'utf8')).toContain(
      '"https://a.example/runbooks/session-storm"',
    );
    const again = await run(args);
    expect({ code: again.code, stderr: again.stderr }).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/E_USAGE .*alertmanager\.yml is there already; nothing was written/),
    });
    expect((await run([...args, '--force'])).code).toBe(0);
  });

  it('of rules is what promtool accepts, wherever the runbooks are served', async () => {
    const { code, stdout } = await run(['rules', '--prefix', 'https://git.example/ops', '--check', '--json']);
    expect({ code, ...JSON.parse(stdout) }).toMatchObject({ code: 0, promtool: true, finding: null });
  });
});

describe('allclear rules', () => {
  it('changes nothing but the links', async () => {
    const { stdout } = await run(['rules', '--prefix', 'https://git.example/ops/']);
    const shipped = readFileSync(join(root, 'runbooks/alerts.yaml'), 'utf8');
    const links = /"https:\/\/git\.example\/ops\/([a-z-]+\.md)"/g;
    expect(stdout.replaceAll(links, 'runbooks/$1')).toContain(shipped.trimEnd());
  });

  it.each([['runbooks'], ['javascript:alert(1)'], ['https://x/"y'], ['https://x/\ny']])(
    'refuses the prefix %j',
    async (prefix) => {
      const { code, stderr } = await run(['rules', '--prefix', prefix]);
      expect({ code, stderr }).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('E_BAD_VALUE --prefix'),
      });
    },
  );
});

describe('allclear coverage', () => {
  it('shows gaps in 80 columns, and fails', async () => {
    const cwd = temporaryFolder(onTestFinished);
    const server = createServer((request, response) =>
      response.writeHead(request.url === '/there' ? 200 : 404).end(),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const rules = [
      ['There', `${base}/there`],
      ['Gone', `${base}/gone`],
      [`Long${'x'.repeat(200)}`, 'books/none.md'],
    ];
    const text = rules.map(
      ([alert, link]) => `- {alert: ${alert}, expr: up, annotations: {runbook_url: "${link}"}}`,
    );
    writeFileSync(
      join(cwd, 'rules.yaml'),
      `groups:\n- name: g\n  rules:\n${text.map((line) => `  ${line}`).join('\n')}\n  - {alert: Bare, expr: up}\n`,
    );
    const args = ['coverage', '--rules', 'rules.yaml', '--runbooks', join(root, 'runbooks'), '--check-links'];
    const { code, stdout } = await run(args, { cwd });
    expect(code).toBe(1);
    expect(stdout).toMatch(/Dead links[\s\S]*no such runbook[\s\S]*Gone +answers 404/);
    expect(stdout).toMatch(/Alerts with no runbook\n +Bare/);
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
    const json = await run([...args, '--json'], { cwd });
    expect(JSON.parse(json.stdout)).toMatchObject({
      alerts: 4,
      covered: 0,
      elsewhere: [{ alert: 'There' }, { alert: 'Gone' }],
    });
  });

  it('of what is shipped has no gaps', async () => {
    const { code, stdout } = await run(['coverage', '--rules', 'runbooks/alerts.yaml']);
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining('No gaps.') });
  });

  it('asks for something to look at', async () => {
    const { code, stderr } = await run(['coverage'], { env: { ALLCLEAR_PROMETHEUS: '' } });
    expect({ code, stderr }).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('E_USAGE there is nothing'),
    });
  });
});

import { spawnSync } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { labelEnv, runShell } from '../engine/index.ts';
import { parseRunbook } from '../runbook/index.ts';
import { commandEnv, parseAssignments } from './command-env.ts';
import { paramEnv } from './param-env.ts';
import { openSurroundings, type SurroundingsOptions } from './surroundings.ts';

const runbook = parseRunbook(
  '---\nparams:\n  region:\n    default: eu-1\n  pool: which pool\n---\n# A\n',
  'a.md',
);

/** A metrics page with a counter that grows by ten with each request. */
async function withPage<T>(use: (url: string, port: number) => Promise<T>): Promise<T> {
  let count = 0;
  const server = createServer((_request, response) => response.end(`m_total ${(count += 10)}\ndepth 7\n`));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = server.address() as AddressInfo;
    return await use(`http://127.0.0.1:${port}`, port);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

describe('the environment of commands', () => {
  it('is an allow-list of the caller’s', () => {
    const env = commandEnv(
      {
        PATH: '/bin',
        HOME: '/h',
        LC_TIME: 'C',
        KUBECONFIG: '/k',
        AWS_SECRET_ACCESS_KEY: 'x',
        NODE_OPTIONS: '--x',
        BASH_ENV: '/evil',
      },
      '/srv/team',
    );
    expect(env).toMatchObject({
      HOME: '/h',
      LC_TIME: 'C',
      KUBECONFIG: '/k',
      ALLCLEAR_HOME: '/srv/team/.allclear',
      TERM: 'dumb',
    });
    for (const name of ['AWS_SECRET_ACCESS_KEY', 'NODE_OPTIONS', 'BASH_ENV'])
      expect(env).not.toHaveProperty(name);
  });

  it('takes more names where the caller says so', () => {
    expect(commandEnv({ ALLCLEAR_PASS_ENV: 'VAULT_ADDR, OTHER', VAULT_ADDR: 'v' }, '/')).toMatchObject({
      VAULT_ADDR: 'v',
    });
  });

  it('lets a command call allclear itself, whatever its own folder is', async () => {
    const { surroundings } = await openSurroundings({}, { env: process.env, cwd: '/' });
    const result = await runShell({
      language: 'bash',
      command: 'allclear --version',
      surroundings,
      timeoutSeconds: 20,
    });
    expect(result).toMatchObject({ exit: 0, stderr: '' });
    expect(result.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it('has labels under clean names, and their values are only ever values', () => {
    const env = labelEnv({ instance: '$(touch /tmp/x)', 'pod.name-1': "a'b\0c", POD_NAME_1: 'second' });
    expect(env).toEqual({ LABEL_INSTANCE: '$(touch /tmp/x)', LABEL_POD_NAME_1: "a'bc" });
    const { stdout } = spawnSync('bash', ['-c', 'printf %s "$LABEL_INSTANCE"'], { env, encoding: 'utf8' });
    expect(stdout).toBe('$(touch /tmp/x)');
  });

  it('bounds the number and the length of labels', () => {
    const labels = Object.fromEntries(
      Array.from({ length: 500 }, (_, index) => [`l${index}`, 'x'.repeat(100_000)]),
    );
    const env = labelEnv(labels);
    expect(Object.keys(env)).toHaveLength(64);
    expect(Math.max(...Object.values(env).map((value) => value.length))).toBe(4096);
  });

  it('has the runbook’s parameters: given, else their defaults, else an error that names the option', () => {
    expect(paramEnv(runbook, new Map([['pool', 'b']]))).toEqual({ PARAM_POOL: 'b', PARAM_REGION: 'eu-1' });
    expect(() => paramEnv(runbook, new Map())).toThrow(
      expect.objectContaining({
        code: 'E_USAGE',
        details: expect.objectContaining({ next: 'Give it with --param pool=VALUE.' }) as object,
      }) as Error,
    );
  });

  it('reads assignments, with further equals signs in the value', () => {
    expect([...parseAssignments('--param', ['a=b=c', 'd='])]).toEqual([
      ['a', 'b=c'],
      ['d', ''],
    ]);
    expect(() => parseAssignments('--param', ['a'])).toThrow(/"a" after --param is not NAME=VALUE/);
  });
});

describe('options that cannot be read', () => {
  it.each<[SurroundingsOptions]>([
    [{ host: ['mcp-server'] }],
    [{ param: ['=x'] }],
    [{ label: ['x'] }],
    [{ scrape: ['not a url'] }],
    [{ scrape: ['ftp://host/'] }],
    [{ prometheus: 'localhost:9090' }],
    [{ sampleSeconds: 'soon' }],
    [{ sampleSeconds: '0' }],
  ])('are wrong usage: %j', async (options) => {
    await expect(openSurroundings(options, { env: {}, cwd: '/' })).rejects.toMatchObject({ code: 'E_USAGE' });
  });
});

describe('where PromQL is answered', () => {
  it('is the built-in scraper over the pages given, with their jobs and through the host mappings', async () => {
    await withPage(async (_url, port) => {
      const open = await openSurroundings(
        { scrape: ['app=http://mcp-server:9090'], host: [`mcp-server:9090=127.0.0.1:${port}`] },
        { env: {}, cwd: '/' },
      );
      try {
        expect(await open.surroundings.metrics!.query('depth')).toMatchObject({
          samples: [{ labels: { job: 'app', instance: 'mcp-server:9090' }, value: 7 }],
        });
      } finally {
        await open.close();
      }
    });
  });

  it('is the guard’s own page by default, sampled for as long as the query looks back', async () => {
    await withPage(async (url) => {
      const said: string[] = [];
      const open = await openSurroundings(
        {},
        { env: { ALLCLEAR_GUARD_URL: url }, cwd: '/', progress: (text) => said.push(text) },
      );
      try {
        const rate = await open.surroundings.metrics!.query('rate(m_total{job="mcp-guard"}[3s])');
        expect(rate).toMatchObject({ type: 'vector', samples: [{ labels: { job: 'mcp-guard' } }] });
        const value = rate.type === 'vector' ? rate.samples[0]!.value : 0;
        expect(value).toBeGreaterThan(5);
        expect(value).toBeLessThan(15);
        expect(said).toEqual([expect.stringMatching(/^Collecting samples for 3\.\d s …$/)]);
      } finally {
        await open.close();
      }
    });
  });

  it('is an error that says what to do when nothing answers', async () => {
    const open = await openSurroundings({ scrape: ['http://127.0.0.1:1'] }, { env: {}, cwd: '/' });
    try {
      await expect(open.surroundings.metrics!.query('up')).rejects.toMatchObject({ code: 'E_UNREACHABLE' });
    } finally {
      await open.close();
    }
  });

  it('is the Prometheus that was named', async () => {
    const { surroundings } = await openSurroundings(
      {},
      { env: { ALLCLEAR_PROMETHEUS: 'http://prom:9090' }, cwd: '/' },
    );
    expect(surroundings.metrics?.name).toBe('http://prom:9090');
  });
});

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../kernel/index.ts';
import { parseRuleFile } from '../metrics/index.ts';
import { startWatch, type Watch } from './watch.ts';

const RULES = `groups:
  - name: lab
    rules:
      - alert: Waiting
        expr: waiting > 5
        annotations: {runbook_url: runbooks/x.md}
`;

let waiting = 0;
const server = createServer((_, response) => void response.end(`waiting ${waiting}\n`));
let watch: Watch;

beforeEach(async () => {
  waiting = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`;
  watch = startWatch({
    targets: [{ job: 'lab', url }],
    groups: parseRuleFile(RULES, 'rules.yaml'),
    clock: systemClock,
  });
});
afterEach(async () => {
  await watch.stop();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

it('tells of an alert that fires, with its link, and answers queries from what it scraped', async () => {
  expect(await watch.firing(['Waiting'], 1500)).toBeNull();
  waiting = 7;
  const alert = await watch.firing(['Waiting'], 8000);
  expect(alert).toMatchObject({ status: 'firing', annotations: { runbook_url: 'runbooks/x.md' } });
  expect(await watch.source.query('sum(waiting)')).toMatchObject({ type: 'vector', samples: [{ value: 7 }] });
});

it('passes over alerts of other names, and gives up when told to', async () => {
  waiting = 7;
  expect(await watch.firing(['Other'], 2500)).toBeNull();
  const stop = new AbortController();
  const waitingFor = watch.firing(['Other'], 60_000, stop.signal);
  stop.abort(new Error('enough'));
  await expect(waitingFor).rejects.toThrow('enough');
});

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openIncident } from '../../engine/index.ts';
import { parseRunbook } from '../../runbook/index.ts';
import type { ShelvedRunbook } from '../shelf.ts';
import { as, startTestServer, type TestServer } from '../testing.ts';

const source = `---
id: Storm
alerts: [SessionStorm]
owner: ada
---
# Storm <img src=x onerror=alert(1)>

<script>alert(2)</script>

[click](javascript:alert(3)) and [home](https://example.org)

## Diagnosis

\`\`\`bash {"name":"rate","normal":"value < 1"}
echo 2
\`\`\`
`;
const shelved: ShelvedRunbook = {
  runbook: parseRunbook(source, 'books/storm.md'),
  family: 'books',
  hash: 'f'.repeat(64),
  readAt: 0,
  problem: null,
};

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer({
    shelf: {
      all: () => [shelved],
      find: (id) => (id.toLowerCase() === 'storm' ? shelved : null),
      problems: () => [{ file: 'books/broken.md', line: 3, what: 'the YAML is broken' }],
    },
  });
});
afterEach(() => server.close());

const get = (url: string, accept = 'application/json') =>
  server.app.inject({ url, headers: { ...as('viewer'), accept } });

describe('runbooks over HTTP', () => {
  it('are listed with what is wrong in the library', async () => {
    expect((await get('/api/v1/runbooks')).json()).toMatchObject({
      runbooks: [{ id: 'Storm', family: 'books', owner: 'ada', alerts: ['SessionStorm'], problem: null }],
      problems: [{ file: 'books/broken.md', line: 3 }],
    });
  });

  it('are shown with their text and what is read from it, in any case of their id', async () => {
    expect((await get('/api/v1/runbooks/STORM')).json()).toMatchObject({
      id: 'Storm',
      source,
      sections: { diagnosis: true, verify: false },
      checks: [{ name: 'rate', normal: 'value < 1', command: 'echo 2' }],
    });
    expect((await get('/api/v1/runbooks/calm')).statusCode).toBe(404);
  });

  it('are a page for browsers, in which their authors can put no script', async () => {
    const opening = {
      runbook: 'Storm',
      version: null,
      title: '<b>now</b>',
      severity: null,
      labels: {},
      joinKey: null,
    };
    const id = await server.store.write((tx) => openIncident(tx, opening, 'test', server.clock));
    const page = await get('/runbooks/storm.md', 'text/html,*/*');
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(page.body).not.toMatch(/<script|<img|href="javascript|<b>now/);
    expect(page.body).toContain('href="https://example.org"');
    expect(page.body).not.toContain('owner: ada');
    expect(page.body).toContain(`/incidents/${id}`);
  });

  it('are their Markdown for everything else', async () => {
    const text = await get('/runbooks/Storm');
    expect(text.headers['content-type']).toBe('text/markdown; charset=utf-8');
    expect(text.body).toBe(source);
  });
});

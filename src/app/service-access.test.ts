import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../kernel/index.ts';
import { openStore } from '../store/index.ts';
import { serviceAccess } from './service-access.ts';
import { parseServiceConfig } from './service-config.ts';

const page = readFileSync(new URL('../../docs/service-access.md', import.meta.url), 'utf8');
const examples = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, yaml]) => yaml!);

describe('the configuration of who may come in', () => {
  const ours = examples.filter((yaml) => !yaml.startsWith('receivers:'));

  it('is what its page shows', async () => {
    expect(ours).toHaveLength(4);
    for (const yaml of ours) await parseServiceConfig(yaml, 'allclear.yaml');
    const { oidc, session } = await parseServiceConfig(ours[1]!, 'allclear.yaml');
    expect(oidc?.roles.map).toEqual({ sre: 'approver', oncall: 'responder', 'platform-leads': 'admin' });
    expect(session).toEqual({ lasts: 43_200, idle: 7_200 });
  });

  it.each([
    ['hosts: [https://x.example]', 1, 'hosts'],
    ['hosts: ["*"]', 1, 'hosts'],
    ['public-url: https://x.example/path', 1, 'public-url'],
    ['public-url: x.example', 1, 'public-url'],
    ['trust-proxy: [all]', 1, 'trust-proxy'],
    ['trust-proxy: true', 1, 'trust-proxy'],
    ['limits:\n  per-actor: 0', 2, 'per-actor'],
    ['webhook:\n  secret: written-out', 2, 'secret'],
    ['oidc:\n  client-id: x\n  issuer: http://id.example', 3, 'issuer'],
    ['oidc:\n  client-id: x\n  issuer: https://id.example\n  client-secret: abc', 4, 'client-secret'],
    ['oidc:\n  client-id: x\n  issuer: https://id.example\n  roles: {map: {a: root}}', 4, 'a'],
    ['session: {lasts: soon}', 1, 'lasts'],
  ])('%j is refused with its line', async (yaml, line, words) => {
    await expect(parseServiceConfig(yaml, 'allclear.yaml')).rejects.toMatchObject({
      code: 'E_CONFIG_FILE',
      details: { line },
      message: expect.stringContaining(words),
    });
  });

  it('that names a secret which is not there keeps the service from starting', async () => {
    const store = await openStore(':memory:');
    const around = { store, clock: systemClock, env: {}, cwd: '/' };
    for (const yaml of ['webhook: {secret-env: HOOK}', 'webhook: {secret-file: none/such}']) {
      const config = await parseServiceConfig(yaml, 'allclear.yaml');
      await expect(serviceAccess(config, around)).rejects.toMatchObject({
        code: expect.stringMatching(/^E_(BAD_VALUE|FILE_UNREADABLE)$/),
      });
    }
    await expect(
      serviceAccess(await parseServiceConfig('', 'x'), { ...around, publicUrl: 'nonsense' }),
    ).rejects.toMatchObject({ code: 'E_BAD_VALUE' });
    await store.close();
  });
});

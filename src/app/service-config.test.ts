import { describe, expect, it } from 'vitest';
import { parseServiceConfig, readServiceConfig } from './service-config.ts';

describe('allclear.yaml', () => {
  it('has a cautious default for everything', async () => {
    const config = await readServiceConfig(undefined, {}, '/');
    expect(config).toMatchObject({
      'identify-by': ['cluster', 'namespace', 'service', 'job'],
      'site-label': 'site',
      policies: [],
      notifications: [],
    });
    expect(await parseServiceConfig('', 'allclear.yaml')).toEqual(config);
  });

  it.each([
    ['identify-bye: [a]', 1, 'Did you mean identify-by?'],
    ['\nsite_label: x', 2, 'Did you mean site-label?'],
    ['policies:\n  - runbook: a\n    run-alon: [safe]', 3, 'Did you mean run-alone?'],
    ['policies:\n  - runbook: a\n  - approvers: {reversible: 0}', 3, 'docs/service.md'],
    ['identify-by: [a-b]', 1, 'docs/service.md'],
    ['sandbox:\n  mode: maybe', 2, 'docs/service.md'],
    ['params: {a: 1}\nparams: 2', 2, 'YAML'],
    ['params:\n  region: [eu]', 2, 'docs/service.md'],
    ['params:\n  region:', 2, 'docs/service.md'],
    ['a: [', 1, 'YAML'],
    ['a: 1\n---\nb: 2', 2, 'one document'],
    ['- x', 1, 'docs/service.md'],
  ])('refuses %j with the line and what to do', async (text, line, next) => {
    await expect(parseServiceConfig(text, 'allclear.yaml')).rejects.toMatchObject({
      code: 'E_CONFIG_FILE',
      details: { file: 'allclear.yaml', line, next: expect.stringContaining(next) },
    });
  });

  it('is found by --config, else by ALLCLEAR_CONFIG', async () => {
    const missing = { code: 'E_FILE_NOT_FOUND' };
    await expect(readServiceConfig('a.yaml', {}, '/nowhere')).rejects.toMatchObject(missing);
    await expect(
      readServiceConfig(undefined, { ALLCLEAR_CONFIG: 'b.yaml' }, '/nowhere'),
    ).rejects.toMatchObject({
      ...missing,
      details: { file: 'b.yaml' },
    });
  });
});

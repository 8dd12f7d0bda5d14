import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { labelEnv } from './label-env.ts';

it('gives each label a variable of its own', () => {
  expect(labelEnv({ instance: 'a:9090', 'kube-pod.name': 'x; rm -rf /', Ümlaut: '$(id)' })).toEqual({
    LABEL_INSTANCE: 'a:9090',
    LABEL_KUBE_POD_NAME: 'x; rm -rf /',
    LABEL__MLAUT: '$(id)',
  });
});

it('never makes a variable that a shell could not hold, and never too many or too long ones', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.string({ maxLength: 9000 }), { maxKeys: 100 }), (labels) => {
      const env = labelEnv(labels);
      expect(Object.keys(env).length).toBeLessThanOrEqual(64);
      for (const [name, value] of Object.entries(env)) {
        expect(name).toMatch(/^LABEL_[A-Z0-9_]*$/);
        expect(value).not.toContain('\0');
        expect(value.length).toBeLessThanOrEqual(4096);
      }
    }),
  );
});

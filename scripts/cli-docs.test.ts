import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { cliReference } from './cli-docs.ts';

it('docs/cli.md says what --help says (node scripts/cli-docs.ts writes it)', () => {
  expect(readFileSync(new URL('../docs/cli.md', import.meta.url), 'utf8')).toBe(cliReference());
});

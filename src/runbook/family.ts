import { dirname } from 'node:path';
import type { Runbook } from './model.ts';

/** What runbooks of one family have in common: `family:` of the front matter, else the folder. */
export function familyOf({ file, frontMatter }: Pick<Runbook, 'file' | 'frontMatter'>): string {
  const { family } = frontMatter.raw;
  return typeof family === 'string' && family.trim() !== '' ? family.trim() : dirname(file);
}

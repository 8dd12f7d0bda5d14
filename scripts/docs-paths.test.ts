import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const pages = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...globSync('docs/**/*.md', { cwd: root })];

it.each(pages)('every path and link that %s names leads somewhere', (page) => {
  const text = readFileSync(join(root, page), 'utf8');
  const links = [...text.matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)].map((match) =>
    join(dirname(page), match[1]!),
  );
  const paths = [...text.matchAll(/`((?:src|docs|test|bench|scripts|runbooks|bin)\/[\w./-]*)`/g)].map(
    (match) => match[1]!,
  );
  const missing = [...links, ...paths].filter(
    (path) => !path.startsWith('dist') && !existsSync(join(root, path)),
  );
  expect(missing).toEqual([]);
});

import type { Runbook } from '../model.ts';

/** Whether an alert's `runbook_url` leads to the runbook: its last part is the file's name or the id, in any case. */
export function pointsTo(url: string, { file, id }: Runbook): boolean {
  const path = url.split(/[?#]/)[0]!.replace(/\/+$/, '');
  const last = stem(path);
  return last !== '' && (last === stem(file) || last === id.toLowerCase());
}

function stem(path: string): string {
  return path
    .split(/[\\/]/)
    .at(-1)!
    .replace(/\.(?:md|markdown|html?)$/i, '')
    .toLowerCase();
}

/** Notices that a file's content has changed, on any file system: one `stat` a second, no more. */
import { stat } from 'node:fs/promises';
import type { Clock } from '../kernel/index.ts';

const LOOK_MS = 1000;

/**
 * Calls `changed` once the file has become another one and then kept still for a second, so that a file
 * that is being written is not read in the middle. It may be replaced, removed, or a link to elsewhere.
 * @returns stops watching
 */
export function watchFile(path: string, clock: Clock, changed: () => void): () => void {
  let seen: string | null = null;
  let told: string | null = null;
  let cancel: (() => void) | null = null;
  let stopped = false;
  const look = async () => {
    const now = await fileSignature(path);
    if (stopped) return;
    told ??= now;
    if (now === seen && now !== told) {
      told = now;
      changed();
    }
    seen = now;
    cancel = clock.after(LOOK_MS, () => void look());
  };
  void look();
  return () => {
    stopped = true;
    cancel?.();
  };
}

/** Another one after each change of the content; `none` when there is no such file. */
export async function fileSignature(path: string): Promise<string> {
  try {
    const { ino, size, mtimeNs } = await stat(path, { bigint: true });
    return `${ino} ${size} ${mtimeNs}`;
  } catch {
    return 'none';
  }
}

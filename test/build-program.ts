/** Before the end-to-end tests: builds the program that they run. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export default function buildProgram(): void {
  const root = fileURLToPath(new URL('..', import.meta.url));
  execFileSync(process.execPath, ['scripts/build.ts'], { cwd: root });
}

/** How long a user waits for a small command, against the start of the runtime itself. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { BenchResult } from './run.ts';

const ROUNDS = 25;
const LIMIT = 3;
const root = fileURLToPath(new URL('..', import.meta.url));

/** `allclear --help` and `inspect` of one file, as installed (bin, built), over `node -e 0`; medians of alternating runs. */
export async function cli(): Promise<BenchResult> {
  const commands = {
    'node -e 0': ['-e', '0'],
    'allclear --help': ['bin/allclear.js', '--help'],
    'allclear inspect': ['bin/allclear.js', 'inspect', 'runbooks/session-storm.md'],
  };
  const times = new Map<string, number[]>(Object.keys(commands).map((name) => [name, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, args] of Object.entries(commands)) times.get(name)!.push(time(args));
  }
  const ms = Object.fromEntries([...times].map(([name, values]) => [name, median(values)]));
  const bare = ms['node -e 0']!;
  const ratio = Math.max(ms['allclear --help']!, ms['allclear inspect']!) / bare;
  return {
    question: 'How long does a user wait for a small command?',
    measured: { medianMs: ms, rounds: ROUNDS },
    ratio,
    target: `--help and inspect within ${LIMIT} × node -e 0`,
    met: ratio <= LIMIT,
  };
}

function time(args: readonly string[]): number {
  const start = performance.now();
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
  const elapsed = performance.now() - start;
  if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}: ${stderr}`);
  return elapsed;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.round(sorted[Math.floor(sorted.length / 2)]! * 10) / 10;
}

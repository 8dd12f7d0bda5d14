/**
 * `npm run bench [-- NAME…]`: runs the benchmarks one after the other, writes bench/results/NAME.json and
 * prints a table. Every figure is a ratio of two things measured side by side in the same run.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';

export interface BenchResult {
  readonly question: string;
  readonly measured: Record<string, unknown>;
  readonly ratio: number;
  readonly target: string;
  readonly met: boolean;
}

const benchmarks: Record<string, () => Promise<BenchResult>> = {
  cli: async () => (await import('./cli.ts')).cli(),
  corpus: async () => (await import('./corpus.ts')).corpus(),
  step: async () => (await import('./step.ts')).step(),
  workers: async () => (await import('./workers.ts')).workers(),
  faults: async () => (await import('./faults.ts')).faults(),
  verdict: async () => (await import('./verdict.ts')).verdict(),
  family: async () => (await import('./family.ts')).family(),
  intake: async () => (await import('./intake.ts')).intake(),
  storm: async () => (await import('./storm.ts')).storm(),
  'storm-auto': async () => (await import('./storm-auto.ts')).stormAuto(),
  spiral: async () => (await import('./spiral.ts')).spiral(),
  guard: async () => (await import('./guard.ts')).guard(),
  'guard-memory': async () => (await import('./guard-memory.ts')).guardMemory(),
  cascade: async () => (await import('./cascade.ts')).cascade(),
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !Object.hasOwn(benchmarks, name));
if (unknown.length > 0) {
  console.error(`no benchmark ${unknown.join(', ')}; there are ${Object.keys(benchmarks).join(', ')}`);
  process.exit(2);
}

const machine = {
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  node: process.versions.node,
};
const folder = new URL('./results/', import.meta.url);
mkdirSync(folder, { recursive: true });

for (const [name, measure] of Object.entries(benchmarks)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  console.error(`${name} …`);
  const result = await measure();
  const file = new URL(`${name}.json`, folder);
  writeFileSync(
    file,
    `${JSON.stringify({ name, date: new Date().toISOString(), machine, ...result }, null, 2)}\n`,
  );
  console.log(
    `${name.padEnd(13)}${result.ratio.toFixed(2).padStart(7)}  ${result.met ? 'met   ' : 'MISSED'}  ${result.target}`,
  );
  if (!result.met) process.exitCode = 1;
}

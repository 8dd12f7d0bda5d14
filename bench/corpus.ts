/**
 * How much does linting cost beyond what any tool must do? Makes a tree of 10,000 runbooks, then, in
 * alternating batches of the same files: read and parse the Markdown alone (markdown-it with its
 * defaults, as any tool would), and read, parse and lint. Run alone: `node bench/corpus.ts`.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import MarkdownIt from 'markdown-it';
import { readRunbook } from '../src/app/read-runbooks.ts';
import { loadLinter } from '../src/runbook/index.ts';

const RUNBOOKS = 10_000;
const FOLDERS = 100;
const ROUNDS = 3;
const BATCH = 250;

/** A runbook unlike its neighbours: sizes, languages, conditions, comments and mistakes vary with `index`. */
function variant(index: number): string {
  const pick = <T>(list: readonly T[], by = 1): T => list[Math.floor(index / by) % list.length]!;
  const noun = pick(['session', 'queue', 'token', 'tool', 'upstream', 'disk', 'cache']);
  const checks = Array.from({ length: 1 + (index % 4) }, (_, number) => {
    const metric = `mcp_${noun}_${pick(['total', 'duration_seconds', 'depth', 'bytes'], number + 1)}`;
    return number % 2 === 0
      ? `How the ${noun} does, as *measured* by \`${metric}\` over [five minutes](https://example.org/${noun}).\n\n\`\`\`promql {"name":"${noun}-${number}","normal":"value < ${index % 900}"}\nsum by (job) (rate(${metric}[5m]))\n\`\`\``
      : `\`\`\`bash\n# Check the ${noun} rate (should be < ${1 + (index % 50)}/sec normally)\ncurl -s http://mcp-server:9090/metrics | grep ${metric}\n\n# Look for errors of ${noun}\njournalctl -u mcp-server --since "10 minutes ago" | grep ${noun}\n\`\`\``;
  });
  const steps = Array.from({ length: 2 + (index % 3) }, (_, number) => {
    const risk = pick(['"risk":"safe"', '"risk":"reversible"', '"timeout":"30s"'], number + 1);
    return `${number + 1}. **Step ${number + 1} for the ${noun}.** Do this when the ${noun} is above ${index % 100} and nothing else\n   helped; it takes **about** ${number + 2} minutes.\n\n   \`\`\`bash {${risk}}\n   allclear lever set MAX_${noun.toUpperCase()}=${index % 64} --ttl 15m\n   \`\`\``;
  });
  return `---
id: ${noun}-${index}
severity: ${pick(['critical', 'warning', 'info'], 3)}
alerts: [Mcp${noun}Trouble${index}]
owner: team-${index % 17}
reviewed: 2026-0${1 + (index % 9)}-11
---

# Runbook: ${noun} trouble ${index}

${'The clients of an MCP server *notice* this when `tools/call` does not come back in time. '.repeat(1 + (index % 5))}

## Symptom

- ${noun} latency > ${index % 30}s (normal: < 200ms)
- CPU > 9${index % 10}% on the instances

## Diagnosis

${checks.join('\n\n')}

## Remediation

${steps.join('\n\n')}

## Verify

\`\`\`bash
# ${noun} rate should drop below ${1 + (index % 40)}/sec within 5 minutes
curl -s http://mcp-server:9090/metrics | grep mcp_${noun}_total
\`\`\`

## History

- 2026-0${1 + (index % 9)}-02: Paced, verified in ${index % 9} min.
- 2025-11-02: Written.
`;
}

async function makeTree(root: string): Promise<{ files: string[]; bytes: number }> {
  const files: string[] = [];
  let bytes = 0;
  for (let folder = 0; folder < FOLDERS; folder++) {
    const path = join(root, `team-${folder}`);
    await mkdir(path);
    for (let number = 0; number < RUNBOOKS / FOLDERS; number++) {
      const index = folder * (RUNBOOKS / FOLDERS) + number;
      const text = variant(index);
      const file = join(path, `runbook-${index}.md`);
      await writeFile(file, text);
      files.push(file);
      bytes += text.length;
    }
  }
  return { files, bytes };
}

interface Cost {
  seconds: number;
  cpuSeconds: number;
}

async function costOf(work: () => Promise<void>): Promise<Cost> {
  const cpu = process.cpuUsage();
  const started = performance.now();
  await work();
  const { user, system } = process.cpuUsage(cpu);
  return { seconds: (performance.now() - started) / 1000, cpuSeconds: (user + system) / 1e6 };
}

function add(sum: Cost, cost: Cost): void {
  sum.seconds += cost.seconds;
  sum.cpuSeconds += cost.cpuSeconds;
}

const median = (values: readonly number[]) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

/** Ratio of lint to reading and parsing alone: the median of rounds, both sides measured in each. */
export async function corpus(): Promise<{
  question: string;
  measured: Record<string, unknown>;
  ratio: number;
  target: string;
  met: boolean;
}> {
  const { lintRunbook } = await loadLinter();
  const root = await mkdtemp(join(tmpdir(), 'allclear-corpus-'));
  try {
    const { files, bytes } = await makeTree(root);
    const plain = new MarkdownIt();
    let tokens = 0;
    let diagnostics = 0;
    const context = { now: Date.UTC(2026, 10, 1), alerts: null };
    const parseSome = async (some: readonly string[]) => {
      for (const file of some) tokens += plain.parse(await readFile(file, 'utf8'), {}).length;
    };
    const lintSome = async (some: readonly string[]) => {
      for (const file of some) diagnostics += lintRunbook(await readRunbook(file, root), context).length;
    };
    // The file cache and the compiler are warm for both sides before anything counts.
    await parseSome(files.slice(0, 3000));
    await lintSome(files.slice(0, 3000));
    const rounds: { parse: Cost; lint: Cost }[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      tokens = 0;
      diagnostics = 0;
      const spent = { parse: { seconds: 0, cpuSeconds: 0 }, lint: { seconds: 0, cpuSeconds: 0 } };
      // Small batches take turns, so that a busy machine slows both sides alike.
      for (let at = 0; at < files.length; at += BATCH) {
        const some = files.slice(at, at + BATCH);
        add(spent.parse, await costOf(() => parseSome(some)));
        add(spent.lint, await costOf(() => lintSome(some)));
      }
      rounds.push(spent);
    }
    const ratio = median(rounds.map(({ parse, lint }) => lint.seconds / parse.seconds));
    return {
      question: 'What does linting 10,000 runbooks cost over reading them and parsing their Markdown alone?',
      measured: {
        runbooks: files.length,
        bytes,
        tokens,
        diagnostics,
        rounds,
        cpuRatio: median(rounds.map(({ parse, lint }) => lint.cpuSeconds / parse.cpuSeconds)),
        runbooksPerSecond: Math.round(files.length / median(rounds.map(({ lint }) => lint.seconds))),
      },
      ratio,
      target: 'at most 2',
      met: ratio <= 2,
    };
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

if (process.argv[1] === import.meta.filename)
  process.stdout.write(`${JSON.stringify(await corpus(), null, 2)}\n`);

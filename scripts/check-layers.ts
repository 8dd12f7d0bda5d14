/**
 * Enforces the layers with dependency-cruiser, and proves that the enforcement works: a planted
 * violation must be found, and the tree must have been read (a misconfigured parser checks nothing
 * and reports no violations).
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

interface CruiseSummary {
  totalCruised: number;
  violations: { from: string; to: string; rule: { name: string } }[];
}

function cruise(folder: string): CruiseSummary {
  const command = join('node_modules', '.bin', 'depcruise');
  const args = ['--config', '.dependency-cruiser.cjs', '--output-type', 'json', folder];
  try {
    const output = execFileSync(command, args, { encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 });
    return (JSON.parse(output) as { summary: CruiseSummary }).summary;
  } catch (error) {
    // depcruise exits with the number of violations; its report is still on stdout.
    const { stdout } = error as { stdout?: string };
    if (!stdout) throw error;
    return (JSON.parse(stdout) as { summary: CruiseSummary }).summary;
  }
}

const EXPECTED_MODULES = 40;

const tree = cruise('src');
for (const { from, to, rule } of tree.violations) console.error(`${rule.name}: ${from} → ${to}`);

const canary = cruise('test/fixtures/layers');
const found = canary.violations.map((violation) => violation.rule.name);
const blind = ['kernel-imports-only-lower-layers', 'rooms-through-their-index'].filter(
  (name) => !found.includes(name),
);

if (tree.violations.length > 0) process.exitCode = 1;
if (tree.totalCruised < EXPECTED_MODULES) {
  console.error(`only ${tree.totalCruised} modules were read, expected at least ${EXPECTED_MODULES}`);
  process.exitCode = 1;
}
if (blind.length > 0) {
  console.error(`the planted violation of ${blind.join(', ')} was not found: the layer check is blind`);
  process.exitCode = 1;
}
if (!process.exitCode) console.log(`layers: ${tree.totalCruised} modules, no violation, canary found`);

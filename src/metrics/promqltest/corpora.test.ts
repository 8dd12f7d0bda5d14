import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runTestFile, type UnsupportedCase } from './run.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const corpora = join(process.env.ALLCLEAR_SHARED ?? join(root, '..', 'shared'), 'corpora', 'promql');
const present = existsSync(corpora);
const files = present ? readdirSync(corpora).filter((name) => name.endsWith('.test')) : [];

/** Why a case of the corpora may not be counted. */
const KNOWN_REASONS = /native histogram|limit_ratio|histogram_(?:avg|count|stddev|stdvar|sum)/;

describe("Prometheus's own test files", () => {
  it.runIf(!present && process.env.CI !== undefined)('are there', () => {
    expect.fail(`${corpora} is missing: set ALLCLEAR_SHARED to the folder that holds corpora/promql`);
  });

  it.skipIf(files.length === 0)('are all run', () => expect(files.length).toBeGreaterThanOrEqual(5));

  it.each(files)('%s: every supported case agrees, and the others have a known reason', (name) => {
    const unsupported: UnsupportedCase[] = [];
    const report = runTestFile(readFileSync(join(corpora, name), 'utf8'), name, (one) =>
      unsupported.push(one),
    );
    expect(report.disagreed).toEqual([]);
    expect(report.agreed).toBeGreaterThan(0);
    expect(report.agreed + report.unsupported).toBe(report.cases);
    expect(unsupported.filter(({ reason }) => !KNOWN_REASONS.test(reason))).toEqual([]);
  });
});

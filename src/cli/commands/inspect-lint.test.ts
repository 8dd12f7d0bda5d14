import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Io } from '../io.ts';
import { inspectCommand } from './inspect.ts';
import { lintCommand } from './lint.ts';

const RUNBOOK = `---
severity: warning
alerts: [Full]
---
# Disk full
## Symptom
## Diagnosis
\`\`\`bash
# Check the backlog (should be below 5)
wc -l < queue

# Pods should be calm
kubectl get pods
\`\`\`
## Fix
1. **Clean up**: at once

   \`\`\`sh {"risk":"disruptive"}
   rm -rf "$PARAM_FOLDER"
   \`\`\`
2. Call the owner\u001b[31m
## Verify
\`\`\`promql {"normal":"value < 1","within":"5m"}
up
\`\`\`
`;

let cwd = '';
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'allclear-lint-'));
  writeFileSync(join(cwd, 'disk full.md'), RUNBOOK);
  writeFileSync(join(cwd, 'broken.md'), '---\na: [\n---\n## Diagnosis\n');
  writeFileSync(join(cwd, 'binary.md'), Buffer.from([0, 1, 2]));
  writeFileSync(
    join(cwd, 'rules.yaml'),
    'groups: [{name: g, rules: [{alert: Full, expr: up, annotations: {runbook_url: "https://x/elsewhere"}}]}]',
  );
});
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

/** A terminal that keeps what is printed. */
function terminal(columns = 80) {
  const printed = { out: '', err: '' };
  const io: Io = {
    out: (text) => void (printed.out += text),
    err: (text) => void (printed.err += text),
    colour: false,
    interactive: false,
    columns,
    env: {},
    cwd,
    signal: new AbortController().signal,
  };
  return { io, printed };
}

describe('allclear inspect', () => {
  it('prints the contract as JSON', async () => {
    const { io, printed } = terminal();
    expect(await inspectCommand(['disk full.md'], { json: true }, io)).toBe(0);
    expect(JSON.parse(printed.out)).toEqual([
      {
        file: 'disk full.md',
        id: 'disk full',
        title: 'Disk full',
        severity: 'warning',
        sections: { symptom: true, diagnosis: true, remediation: true, verify: true },
        checks: [
          {
            section: 'diagnosis',
            name: 'backlog',
            language: 'bash',
            command: 'wc -l < queue',
            normal: 'value < 5',
            abnormal: null,
            inferred: true,
            within: null,
          },
          {
            section: 'diagnosis',
            name: 'pods',
            language: 'bash',
            command: 'kubectl get pods',
            normal: null,
            abnormal: null,
            inferred: true,
            within: null,
          },
          {
            section: 'verify',
            name: 'verify-1',
            language: 'promql',
            command: 'up',
            normal: 'value < 1',
            abnormal: null,
            inferred: false,
            within: 300,
          },
        ],
        steps: [
          {
            index: 1,
            title: 'Clean up',
            manual: false,
            risk: 'disruptive',
            commands: ['rm -rf "$PARAM_FOLDER"'],
          },
          { index: 2, title: 'Call the owner\u001b[31m', manual: true, risk: 'reversible', commands: [] },
        ],
        diagnostics: [],
      },
    ]);
  });

  it('prints an outline that says what is inferred and what is asked, and no escape sequences', async () => {
    const { io, printed } = terminal();
    expect(await inspectCommand(['disk full.md'], {}, io)).toBe(0);
    expect(printed.out).toContain('normal: value < 5  (inferred)');
    expect(printed.out).toContain('asks you: Pods should be calm');
    expect(printed.out).toContain('1. Clean up  disruptive');
    expect(printed.out).toContain('2. Call the owner  by hand');
    expect(printed.out).not.toContain('\u001b');
    for (const line of printed.out.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
  });

  it('shows the others when one file is bad, and exits with what the bad one means', async () => {
    const { io, printed } = terminal();
    expect(await inspectCommand(['binary.md', 'missing.md', 'broken.md'], { json: true }, io)).toBe(2);
    expect(JSON.parse(printed.out)).toMatchObject([
      { file: 'broken.md', diagnostics: [{ rule: 'front-matter', severity: 'error', line: 2 }] },
    ]);
    const errors = printed.err
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { error: { code: string; file: string } });
    expect(errors.map(({ error }) => [error.code, error.file])).toEqual([
      ['E_FILE_BINARY', 'binary.md'],
      ['E_FILE_NOT_FOUND', 'missing.md'],
    ]);
  });
});

describe('allclear lint', () => {
  it('groups by file, counts, and exits with 1 when there are errors', async () => {
    const { io, printed } = terminal();
    expect(await lintCommand(['disk full.md', 'broken.md'], { rules: ['rules.yaml'] }, io)).toBe(1);
    expect(printed.out).toMatch(/^disk full\.md\n +1 +info .*\n/);
    expect(printed.out).toContain('(alert-exists)');
    expect(printed.out).toMatch(/\n2 runbooks: 5 errors, 1 warning, 2 info/);
    for (const line of printed.out.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
  });

  it('exits with 0 when there are only warnings, and hides what is below --severity', async () => {
    const { io, printed } = terminal();
    expect(await lintCommand(['disk full.md'], { severity: 'error', json: true }, io)).toBe(0);
    expect(JSON.parse(printed.out)).toEqual([{ file: 'disk full.md', diagnostics: [] }]);
  });

  it('gives JSON with rule, place, expected and url', async () => {
    const { io, printed } = terminal();
    await lintCommand(['broken.md'], { format: 'json' }, io);
    const [report] = JSON.parse(printed.out) as [{ file: string; diagnostics: unknown[] }];
    expect(report.file).toBe('broken.md');
    expect(report.diagnostics).toContainEqual({
      rule: 'four-sections',
      severity: 'error',
      line: 1,
      expected: 'a heading "## Verify"',
      url: 'docs/rules.md#four-sections',
      message: 'the section Verify is missing: it says how to verify the fix',
    });
  });

  it('gives SARIF 2.1.0 whose results point to known rules and encoded paths', async () => {
    const { io, printed } = terminal();
    await lintCommand(['disk full.md', 'broken.md'], { format: 'sarif' }, io);
    const log = JSON.parse(printed.out) as SarifLog;
    expect(log.version).toBe('2.1.0');
    const [run] = log.runs;
    expect(run!.results.length).toBeGreaterThan(3);
    for (const { ruleId, ruleIndex, level, message, locations } of run!.results) {
      expect(run!.tool.driver.rules[ruleIndex]!.id).toBe(ruleId);
      expect(['error', 'warning', 'note']).toContain(level);
      expect(message.text).not.toBe('');
      expect(locations[0]!.physicalLocation.region.startLine).toBeGreaterThanOrEqual(1);
    }
    const uris = run!.results.map(({ locations }) => locations[0]!.physicalLocation.artifactLocation.uri);
    expect(new Set(uris)).toEqual(new Set(['disk%20full.md', 'broken.md']));
  });

  it('lints the others when one file is bad', async () => {
    const { io, printed } = terminal();
    expect(await lintCommand(['binary.md', 'disk full.md'], {}, io)).toBe(2);
    expect(printed.err).toContain('E_FILE_BINARY');
    expect(printed.out).toContain('disk full.md');
  });

  it('refuses formats and severities it does not know', async () => {
    await expect(lintCommand(['broken.md'], { format: 'xml' }, terminal().io)).rejects.toMatchObject({
      code: 'E_USAGE',
    });
    await expect(lintCommand(['broken.md'], { severity: 'fatal' }, terminal().io)).rejects.toMatchObject({
      code: 'E_USAGE',
    });
  });
});

interface SarifLog {
  version: string;
  runs: {
    tool: { driver: { rules: { id: string }[] } };
    results: {
      ruleId: string;
      ruleIndex: number;
      level: string;
      message: { text: string };
      locations: { physicalLocation: { artifactLocation: { uri: string }; region: { startLine: number } } }[];
    }[];
  }[];
}

import { describe, expect, it } from 'vitest';
import { type AlertRule, parseRunbook } from '../runbook/index.ts';
import { coverageOf, hasGaps } from './coverage.ts';

const storm = parseRunbook('---\nalerts: [Storm]\n---\n# Storm\n', 'books/session-storm.md');
const spiral = parseRunbook('# Spiral\n', 'books/spiral.md');

function rule(name: string, runbookUrl: string | null = null): AlertRule {
  return { name, runbookUrl, file: 'alerts.yaml' };
}

describe('coverage', () => {
  it('has no gaps when every alert leads to a runbook, by link or by name, and every runbook has an alert', () => {
    const coverage = coverageOf(
      [rule('Storm'), rule('Other', 'https://git.example/books/Spiral.md#fix')],
      [storm, spiral],
    );
    expect(coverage).toMatchObject({ alerts: 2, runbooks: 2, covered: 2 });
    expect(hasGaps(coverage)).toBe(false);
  });

  it('tells alerts with no runbook, dead links, and runbooks with no alert apart', () => {
    const coverage = coverageOf(
      [rule('Storm', 'books/gone.md'), rule('Lost', 'gone'), rule('Bare')],
      [storm, spiral],
    );
    expect(coverage).toMatchObject({
      covered: 1,
      noRunbook: [{ alert: 'Bare', file: 'alerts.yaml' }],
      deadLinks: [
        { alert: 'Storm', link: 'books/gone.md', runbook: 'session-storm' },
        { alert: 'Lost', link: 'gone', runbook: null },
      ],
      noAlert: [{ runbook: 'spiral', file: 'books/spiral.md' }],
    });
    expect(hasGaps(coverage)).toBe(true);
  });

  it('takes a page elsewhere for no gap, unless it is to be one of the library', () => {
    const rules = [rule('Storm'), rule('Node', 'https://git.example/books/node.md')];
    expect(coverageOf(rules, [storm])).toMatchObject({ elsewhere: [{ alert: 'Node' }], deadLinks: [] });
    expect(hasGaps(coverageOf(rules, [storm]))).toBe(false);
    expect(coverageOf(rules, [storm], 'https://git.example/books/')).toMatchObject({
      elsewhere: [],
      deadLinks: [{ alert: 'Node', why: 'no such runbook' }],
    });
  });
});

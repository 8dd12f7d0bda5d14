import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseRunbook } from './parse-runbook.ts';
import { searchRunbooks, summaryOf } from './search.ts';

const runbook = (id: string, symptom: string, more = '', alerts = '') =>
  parseRunbook(
    `---\nid: ${id}\nalerts: [${alerts}]\n---\n# ${id}\n\n## Symptom\n\n${symptom}\n\n## Diagnosis\n\n${more}\n`,
    `${id}.md`,
  );
const storm = runbook(
  'session-storm',
  '- Agents report that all tools are gone.',
  'handshakes',
  'McpSessionStorm',
);
const cascade = runbook('token-cascade', '- Everybody must log in again.', 'after a session storm');
const disk = runbook('disk-full', '- Writes fail.', 'df');
const all = [storm, cascade, disk];
const ids = (query: string, limit = 10) => searchRunbooks(all, query, limit).map(({ id }) => id);

describe('a search for runbooks', () => {
  it('finds by name, alert, symptom and text, the name first', () => {
    expect(ids('session storm')).toEqual(['session-storm', 'token-cascade']);
    expect(ids('McpSessionStorm')).toEqual(['session-storm']);
    expect(ids('log in')).toEqual(['token-cascade']);
    expect(ids('DF')).toEqual(['disk-full']);
  });

  it('finds nothing for what is nowhere, and everything for nothing', () => {
    expect(ids('kubernetes')).toEqual([]);
    expect(ids(' !? ')).toEqual(['disk-full', 'session-storm', 'token-cascade']);
    expect(ids('', 2)).toHaveLength(2);
  });

  it('prefers what has more of the words', () => {
    expect(ids('writes fail storm')[0]).toBe('disk-full');
  });

  it('takes any query', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 2_000 }), fc.nat(5), (query, limit) => {
        expect(searchRunbooks(all, query, limit).length).toBeLessThanOrEqual(limit);
      }),
    );
  });

  it('says in short what a runbook is about', () => {
    expect(summaryOf(storm, 100)).toBe('Agents report that all tools are gone.');
    expect(summaryOf(storm, 10)).toBe('Agents re…');
  });
});

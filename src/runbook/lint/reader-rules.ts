import type { DiagnosticSeverity } from '../model.ts';

/** What the reader itself reports, with or without lint. */
export const readerRules: Readonly<
  Record<string, { severity: DiagnosticSeverity; summary: string; expected: string }>
> = {
  'front-matter': {
    severity: 'error',
    summary:
      'The YAML at the top is broken, or a known key holds something it cannot mean. The runbook is read without it.',
    expected: 'valid front matter',
  },
  'broken-attributes': {
    severity: 'error',
    summary: 'The attributes of a fence are not flat JSON. The fence still runs, without any of them.',
    expected: 'flat JSON such as {"name":"x"}',
  },
  'bad-attribute': {
    severity: 'error',
    summary:
      'An attribute has a value of the wrong kind: a duration, a risk or a condition was expected. An unknown risk counts as disruptive.',
    expected: 'a value of the right kind',
  },
  'unknown-undo': {
    severity: 'error',
    summary: '`undo` names a block that does not exist, or that runs nothing.',
    expected: 'the name of a fence that runs',
  },
  'unclosed-fence': {
    severity: 'warning',
    summary: 'A fence is never closed, and takes the rest of the file with it, headings included.',
    expected: 'a closing fence',
  },
  'outside-sections': {
    severity: 'info',
    summary: 'A block that could run stands outside Diagnosis, Remediation and Verify. It is only shown.',
    expected: 'a place in one of the sections',
  },
};

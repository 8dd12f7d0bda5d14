/** What the tests of this room share: surroundings on this machine, and checks made by hand. */
import { tmpdir } from 'node:os';
import { systemClock } from '../kernel/index.ts';
import type { Check, Condition, Runbook } from '../runbook/index.ts';
import type { Surroundings } from './model.ts';

export function testSurroundings(changes: Partial<Surroundings> = {}): Surroundings {
  return {
    clock: systemClock,
    cwd: tmpdir(),
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', HOME: tmpdir(), LANG: 'C.UTF-8' },
    hosts: [],
    metrics: null,
    secrets: [],
    sampleSeconds: 0.2,
    ...changes,
  };
}

export function condition(cel: string, inferred = false): Condition {
  return { cel, inferred, from: cel };
}

export function testCheck(name: string, command: string, changes: Partial<Check> = {}): Check {
  return {
    section: 'diagnosis',
    name,
    label: name,
    language: 'bash',
    command,
    normal: null,
    abnormal: null,
    question: null,
    within: null,
    holdFor: null,
    timeout: null,
    attributes: {},
    line: 1,
    ...changes,
  };
}

export function testRunbook(checks: readonly Check[], confirm: string | null = null): Runbook {
  return {
    file: 'test.md',
    id: 'test',
    title: 'Test',
    frontMatter: {
      severity: null,
      alerts: [],
      owner: null,
      appliesTo: {},
      reviewed: null,
      reviewEvery: 90 * 86_400,
      confirm,
      params: [],
      raw: {},
    },
    sections: [],
    checks,
    steps: [],
    history: [],
    diagnostics: [],
    source: '',
  };
}

import type { NewIncident } from './incidents.ts';

/** An incident for tests, with nothing remarkable about it. */
export function newIncident(id: string, change: Partial<NewIncident> = {}): NewIncident {
  return {
    id,
    runbook: 'session-storm',
    runbookHash: null,
    title: 'MCP Session Storm',
    severity: 'critical',
    state: 'open',
    snapshot: { state: 'open' },
    labels: {},
    joinKey: null,
    at: Date.UTC(2026, 0, 1),
    ...change,
  };
}

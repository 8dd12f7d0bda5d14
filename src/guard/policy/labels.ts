/** Metric label values that come from the wire, bounded in number and length. */
import { printable } from '../../kernel/index.ts';

/** The value that stands for everything beyond the bound, as OpenTelemetry names it. */
export const OTHER = '_OTHER';

const METHODS = new Set([
  'initialize',
  'ping',
  'tools/list',
  'tools/call',
  'resources/list',
  'resources/read',
  'resources/templates/list',
  'resources/subscribe',
  'resources/unsubscribe',
  'prompts/list',
  'prompts/get',
  'completion/complete',
  'logging/setLevel',
  'tasks/get',
  'tasks/list',
  'tasks/result',
  'tasks/cancel',
  'server/discover',
  'subscriptions/listen',
  'notifications/initialized',
  'notifications/cancelled',
  'notifications/progress',
  'notifications/roots/list_changed',
  'batch',
  '',
]);

/** The method as a label: a method of the protocol, `batch`, '' for a response, or `_OTHER`. */
export function methodLabel(method: string): string {
  return METHODS.has(method) ? method : OTHER;
}

const VERSIONS = new Set(['', '2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25', '2026-07-28']);

/** A published version, or none. */
export function isKnownVersion(version: string): boolean {
  return VERSIONS.has(version);
}

/** The protocol version as a label. */
export function versionLabel(version: string): string {
  return VERSIONS.has(version) ? version : OTHER;
}

const MAX_LABEL_LENGTH = 128;

/** The first `bound` distinct names keep their own label; later ones share `_OTHER`. */
export class BoundedNames {
  readonly #bound: number;
  readonly #known = new Map<string, string>();

  constructor(bound: number) {
    this.#bound = bound;
  }

  label(name: string): string {
    if (name === '') return '';
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    if (this.#known.size >= this.#bound || name.length > MAX_LABEL_LENGTH) return OTHER;
    const label = printable(name).replace(/\s+/g, ' ');
    this.#known.set(name, label);
    return label;
  }
}

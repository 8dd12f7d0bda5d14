import { LineReader } from './exposition-line.ts';
import type { Sample } from './model.ts';

/** What `# HELP`, `# TYPE` and `# UNIT` say about one metric family. */
interface Family {
  help: string;
  /** `counter`, `gauge`, `histogram`, `summary`, `untyped`, or what OpenMetrics adds. */
  type: string;
  unit: string;
}

/** A sample with the time stamp it carried, if any. */
interface ExposedSample extends Sample {
  /** Epoch milliseconds, when the line stated a time. */
  readonly t?: number;
}

/** A line that could not be read; the others still count. */
interface ExpositionProblem {
  /** From 1. */
  readonly line: number;
  readonly message: string;
}

export interface Exposition {
  readonly samples: ExposedSample[];
  readonly families: Map<string, Family>;
  /** At most 100 are kept; `problemCount` counts all. */
  readonly problems: ExpositionProblem[];
  readonly problemCount: number;
  /** True when a bound cut the input short. */
  readonly truncated: boolean;
}

export interface ExpositionLimits {
  /** Characters of input; the rest is not read. Default 32 Mi. */
  readonly maxLength?: number;
  /** Samples; the rest is not read. Default 200,000. */
  readonly maxSamples?: number;
  /** Labels on one series; longer lines are problems. Default 64. */
  readonly maxLabels?: number;
  /** Characters of a name or value; longer lines are problems. Default 4,096. */
  readonly maxLabelLength?: number;
  /**
   * `openmetrics` when the content type says so: time stamps are then seconds instead of
   * milliseconds. Default `prometheus` (text format 0.0.4).
   */
  readonly format?: 'prometheus' | 'openmetrics';
}

const MAX_PROBLEMS = 100;

/**
 * Reads Prometheus text format 0.0.4 and, tolerantly, OpenMetrics 1.0 (`# EOF`, `# UNIT`, exemplars).
 * A bad line becomes a problem with its number and never stops the rest. Never throws.
 */
export function parseExposition(text: string, limits: ExpositionLimits = {}): Exposition {
  const maxLength = limits.maxLength ?? 32 * 1024 * 1024;
  const maxSamples = limits.maxSamples ?? 200_000;
  const timeScale = limits.format === 'openmetrics' ? 1000 : 1;
  const samples: ExposedSample[] = [];
  const families = new Map<string, Family>();
  const problems: ExpositionProblem[] = [];
  let problemCount = 0;
  let truncated = text.length > maxLength;
  const input = truncated ? text.slice(0, maxLength) : text;
  const reader = new LineReader(limits.maxLabels ?? 64, limits.maxLabelLength ?? 4096);
  let line = 0;
  for (let from = 0; from < input.length; ) {
    const found = input.indexOf('\n', from);
    const end = found === -1 ? input.length : found;
    const content = input.slice(from, end).trim();
    from = end + 1;
    line++;
    if (content === '') continue;
    if (content === '# EOF') break;
    if (content.startsWith('#')) {
      readComment(content, families, maxSamples);
      continue;
    }
    if (samples.length >= maxSamples) {
      truncated = true;
      break;
    }
    const result = reader.read(content, timeScale);
    if (typeof result !== 'string') {
      samples.push(result);
      continue;
    }
    problemCount++;
    // The last line of a cut input is cut too: that is the bound's doing, not the exporter's.
    if (problems.length < MAX_PROBLEMS) problems.push({ line, message: result });
  }
  return { samples, families, problems, problemCount, truncated };
}

function readComment(content: string, families: Map<string, Family>, maxFamilies: number): void {
  const match = /^#\s*(HELP|TYPE|UNIT)\s+("(?:[^"\\]|\\.)*"|\S+)(?:\s+(.*))?$/.exec(content);
  if (!match) return;
  const [, kind, rawName, rest = ''] = match;
  const name = rawName!.startsWith('"') ? unescapeText(rawName!.slice(1, -1)) : rawName!;
  let family = families.get(name);
  if (!family) {
    if (families.size >= maxFamilies) return;
    family = { help: '', type: 'untyped', unit: '' };
    families.set(name, family);
  }
  if (kind === 'HELP') family.help = unescapeText(rest);
  else if (kind === 'TYPE') family.type = rest.trim().toLowerCase() || 'untyped';
  else family.unit = rest.trim();
}

function unescapeText(text: string): string {
  return text.replaceAll(/\\(["\\n])/g, (_, char: string) => (char === 'n' ? '\n' : char));
}

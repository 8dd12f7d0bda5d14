/** The front matter's values. Whatever is wrong in it becomes a diagnostic; the runbook still loads. */
import { createRequire } from 'node:module';
import { parseDuration } from '../kernel/index.ts';
import type { FrontMatterSpan } from './front-matter-text.ts';
import { isDate } from './history.ts';
import type { Diagnostic, FrontMatter, Param, Severity } from './model.ts';
import { parseSimpleYaml } from './simple-yaml.ts';

/** Seconds: the default of `review-every`, 90 days. */
const REVIEW_EVERY = 90 * 86_400;
const SEVERITIES: readonly Severity[] = ['critical', 'warning', 'info'];

const load = createRequire(import.meta.url);

/** The YAML library, loaded only when there is YAML that needs it. */
export function yamlLibrary(): typeof import('yaml') {
  return load('yaml') as typeof import('yaml');
}

type Raw = Readonly<Record<string, unknown>>;
type Report = (key: string, message: string) => void;

export function readFrontMatter(span: FrontMatterSpan | null): {
  frontMatter: FrontMatter;
  id: string | null;
  title: string | null;
  diagnostics: Diagnostic[];
} {
  const diagnostics: Diagnostic[] = [];
  const raw = span === null ? {} : readYaml(span.yaml, diagnostics);
  const report: Report = (key, message) => {
    diagnostics.push({
      rule: 'front-matter',
      severity: 'error',
      line: keyLine(span?.yaml ?? '', key),
      message,
    });
  };
  const frontMatter: FrontMatter = {
    severity: severityOf(raw, report),
    alerts: alertsOf(raw, report),
    owner: textOf(raw, 'owner', report),
    appliesTo: appliesToOf(raw, report),
    reviewed: reviewedOf(raw, report),
    reviewEvery: reviewEveryOf(raw, report),
    confirm: textOf(raw, 'confirm', report),
    params: paramsOf(raw, report),
    raw,
  };
  return { frontMatter, id: textOf(raw, 'id', report), title: textOf(raw, 'title', report), diagnostics };
}

function readYaml(yaml: string, diagnostics: Diagnostic[]): Raw {
  const simple = parseSimpleYaml(yaml);
  if (simple !== null) return simple;
  try {
    const { LineCounter, parseDocument } = yamlLibrary();
    const lineCounter = new LineCounter();
    // One line end per line, so that the library counts as we do.
    const document = parseDocument(yaml.replace(/\r\n?/g, '\n'), {
      lineCounter,
      logLevel: 'silent',
      prettyErrors: false,
    });
    for (const { pos, message } of document.errors.slice(0, 5)) {
      // An error at the very end is about the last line, not about the `---` below it.
      const at = Math.min(pos[0], yaml.trimEnd().length);
      diagnostics.push(broken(lineCounter.linePos(at).line + 1, message));
    }
    if (document.errors.length > 0) return {};
    const value: unknown = document.toJS({ maxAliasCount: 20 });
    if (value === null || value === undefined) return {};
    if (typeof value === 'object' && !Array.isArray(value)) return value as Raw;
    diagnostics.push(broken(2, 'it is not a list of "key: value" lines'));
  } catch (error) {
    diagnostics.push(broken(2, error instanceof Error ? error.message : 'it cannot be read'));
  }
  return {};
}

function broken(line: number, why: string): Diagnostic {
  const message = `the front matter is broken YAML: ${why.split('\n')[0]!}; the rest of the runbook was read without it`;
  return { rule: 'front-matter', severity: 'error', line, message };
}

/** The line of a top-level key in the file, for messages. */
function keyLine(yaml: string, key: string): number {
  const lines = yaml.split(/\r\n?|\n/);
  const index = lines.findIndex((line) => line.startsWith(`${key}:`));
  return index === -1 ? 1 : index + 2;
}

function own(raw: Raw, key: string): unknown {
  const value = Object.hasOwn(raw, key) ? raw[key] : undefined;
  return value === null ? undefined : value;
}

function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

function textOf(raw: Raw, key: string, report: Report): string | null {
  const value = own(raw, key);
  if (value === undefined) return null;
  if (isScalar(value)) return String(value).trim() === '' ? null : String(value).trim();
  report(key, `"${key}" is one value, not a list or map`);
  return null;
}

function severityOf(raw: Raw, report: Report): Severity | null {
  const text = textOf(raw, 'severity', report);
  if (text === null) return null;
  const severity = SEVERITIES.find((known) => known === text.toLowerCase());
  if (severity === undefined)
    report('severity', `"severity" is critical, warning or info, not ${JSON.stringify(text)}`);
  return severity ?? null;
}

function alertsOf(raw: Raw, report: Report): string[] {
  const value = own(raw, 'alerts');
  if (value === undefined) return [];
  const list = Array.isArray(value) ? (value as unknown[]) : [value];
  const names = list
    .filter(isScalar)
    .map(String)
    .filter((name) => name !== '');
  if (names.length < list.length)
    report('alerts', '"alerts" is a list of alert names, such as [McpSessionStorm]');
  return names;
}

function appliesToOf(raw: Raw, report: Report): Record<string, string> {
  const value = own(raw, 'applies-to');
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    report('applies-to', '"applies-to" maps components to version ranges, such as {server: ">=1 <3"}');
    return {};
  }
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, range]) => isScalar(range))
      .map(([key, range]) => [key, String(range)]),
  );
}

function reviewedOf(raw: Raw, report: Report): string | null {
  const text = textOf(raw, 'reviewed', report);
  if (text === null) return null;
  const date = text.slice(0, 10);
  if (isDate(date)) return date;
  report('reviewed', `"reviewed" is a date such as 2026-01-31, not ${JSON.stringify(text)}`);
  return null;
}

function reviewEveryOf(raw: Raw, report: Report): number {
  const text = textOf(raw, 'review-every', report);
  if (text === null) return REVIEW_EVERY;
  const seconds = parseDuration(text);
  if (seconds === undefined || seconds <= 0)
    report('review-every', `"review-every" is a duration such as 90d, not ${JSON.stringify(text)}`);
  return seconds === undefined || seconds <= 0 ? REVIEW_EVERY : seconds;
}

/** `params` maps names to a description, or to `{description, default}`; a list of names will do. */
function paramsOf(raw: Raw, report: Report): Param[] {
  const value = own(raw, 'params');
  if (value === undefined) return [];
  if (Array.isArray(value))
    return value.filter(isScalar).map((name) => ({ name: String(name), description: null, default: null }));
  if (typeof value !== 'object' || value === null) {
    report('params', '"params" maps names to descriptions, such as {region: where to scale out}');
    return [];
  }
  return Object.entries(value).map(([name, about]) => {
    if (typeof about !== 'object' || about === null)
      return { name, description: isScalar(about) ? String(about) : null, default: null };
    const detail = about as Raw;
    return {
      name,
      description: textOf(detail, 'description', report),
      default: textOf(detail, 'default', report),
    };
  });
}

import type { Labels } from '../model.ts';
import {
  formatE,
  formatF,
  formatG,
  formatV,
  humanize,
  humanize1024,
  humanizeDuration,
  humanizePercentage,
  humanizeTimestamp,
} from './format-number.ts';
import { type Operand, type Part, type Pipeline, parseTemplate, TemplateProblem } from './template-parse.ts';

/** What a template sees. */
interface TemplateData {
  /** `$labels`, `.Labels` */
  readonly labels: Labels;
  /** `$value`, `.Value` */
  readonly value: number;
}

/** A label value or annotation of a rule, compiled. */
export interface Template {
  /** As written. */
  readonly source: string;
  expand(data: TemplateData): string;
}

type Item = string | number | Labels | undefined;

/** Functions of one number, which may also stand as text. */
const NUMBER_FUNCTIONS: ReadonlyMap<string, (value: number) => string> = new Map([
  ['humanize', humanize],
  ['humanize1024', humanize1024],
  ['humanizeDuration', humanizeDuration],
  ['humanizePercentage', humanizePercentage],
  ['humanizeTimestamp', humanizeTimestamp],
]);

const TEXT_FUNCTIONS: ReadonlyMap<string, (text: string) => string> = new Map<
  string,
  (text: string) => string
>([
  ['toUpper', (text) => text.toUpperCase()],
  ['toLower', (text) => text.toLowerCase()],
  ['title', (text) => text.replaceAll(/(?<![\p{L}\p{N}_'])\p{L}/gu, (letter) => letter.toUpperCase())],
  ['stripPort', (text) => text.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')],
  ['stripDomain', stripDomain],
  ['html', (text) => text.replaceAll(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)],
]);

const OTHER_FUNCTIONS: ReadonlySet<string> = new Set(['printf', 'print', 'index', 'len']);

/** Name of a host without its domain; IP addresses stay. */
function stripDomain(text: string): string {
  if (/^\d+(?:\.\d+){3}(?::\d+)?$/.test(text)) return text;
  return text.replace(/^([^.:]+)\.[^:]*/, '$1');
}

/**
 * Compiles the subset of Go templates that rule files use: `{{ $labels.x }}`, `{{ $value }}`,
 * pipelines, `printf`, the `humanize` family and text functions. What else Prometheus has (`query`,
 * `if`, `range` …) is a problem that names it.
 */
export function compileTemplate(source: string): Template | TemplateProblem {
  const parts = parseTemplate(source);
  if (parts instanceof TemplateProblem) return parts;
  for (const part of parts) {
    if (typeof part === 'string') continue;
    const problem = checkPipeline(part.pipeline);
    if (problem !== undefined) return new TemplateProblem(problem, part.line);
  }
  return { source, expand: (data) => expandParts(parts, data) };
}

function checkPipeline(pipeline: Pipeline): string | undefined {
  for (const operand of pipeline.commands.flat()) {
    const problem = operand.kind === 'group' ? checkPipeline(operand.pipeline) : checkOperand(operand);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function checkOperand(operand: Operand): string | undefined {
  if (operand.kind === 'function') {
    const { name } = operand;
    if (NUMBER_FUNCTIONS.has(name) || TEXT_FUNCTIONS.has(name) || OTHER_FUNCTIONS.has(name)) return undefined;
    return `the template function ${name} is not supported`;
  }
  if (operand.kind !== 'field') return undefined;
  const root = rootOf(operand);
  if (root === undefined)
    return `the template variable ${operand.variable}.${operand.path.join('.')} is not known`;
  return undefined;
}

function rootOf(field: Extract<Operand, { kind: 'field' }>): 'labels' | 'value' | 'external' | undefined {
  const name = field.variable === '' ? field.path[0] : field.variable;
  if (name === '$labels' || name === 'Labels') return 'labels';
  if (name === '$value' || name === 'Value') return 'value';
  if (name === '$externalLabels' || name === 'ExternalLabels') return 'external';
  if (name === '$externalURL' || name === 'ExternalURL') return 'external';
  return undefined;
}

function expandParts(parts: readonly Part[], data: TemplateData): string {
  try {
    return parts.map((part) => (typeof part === 'string' ? part : show(run(part.pipeline, data)))).join('');
  } catch (error) {
    // As in Prometheus, a template that fails shows why in place of its text.
    return `<error expanding template: ${error instanceof TemplateProblem ? error.message : String(error)}>`;
  }
}

function run(pipeline: Pipeline, data: TemplateData): Item {
  let piped: Item[] = [];
  for (const [first, ...rest] of pipeline.commands) {
    const args = [...rest.map((operand) => valueOf(operand, data)), ...piped];
    if (first!.kind === 'function') piped = [call(first!.name, args)];
    else if (args.length > 0) throw new TemplateProblem('only functions take arguments', 1);
    else piped = [valueOf(first!, data)];
  }
  return piped[0];
}

function valueOf(operand: Operand, data: TemplateData): Item {
  switch (operand.kind) {
    case 'literal':
      return operand.value;
    case 'group':
      return run(operand.pipeline, data);
    case 'function':
      return call(operand.name, []);
    case 'field': {
      const path = operand.variable === '' ? operand.path.slice(1) : operand.path;
      const root = rootOf(operand);
      if (root === 'value') return data.value;
      if (root === 'external') return '';
      return path.length === 0 ? data.labels : (data.labels[path[0]!] ?? '');
    }
  }
}

function call(name: string, args: readonly Item[]): Item {
  const number = NUMBER_FUNCTIONS.get(name);
  if (number) return number(toNumber(args[0], name));
  const text = TEXT_FUNCTIONS.get(name);
  if (text) return text(show(args[0]));
  if (name === 'printf') return printf(args);
  if (name === 'print') return args.map(show).join('');
  if (name === 'len') return typeof args[0] === 'object' ? Object.keys(args[0]).length : show(args[0]).length;
  const [container, key] = args;
  if (typeof container !== 'object') throw new TemplateProblem('index needs a map', 1);
  return container[show(key)] ?? '';
}

function toNumber(item: Item, name: string): number {
  const value = typeof item === 'string' && item.trim() !== '' ? Number(item) : item;
  if (typeof value === 'number' && (!Number.isNaN(value) || item === 'NaN' || typeof item === 'number'))
    return value;
  throw new TemplateProblem(`${name} cannot convert ${JSON.stringify(show(item))} to a number`, 1);
}

function show(item: Item): string {
  if (typeof item === 'number') return formatV(item);
  if (typeof item === 'object') {
    const pairs = Object.keys(item).toSorted();
    return `map[${pairs.map((name) => `${name}:${item[name]}`).join(' ')}]`;
  }
  return item ?? '';
}

const VERB = /%([-+ 0#]*)(\d*)(?:\.(\d*))?([a-zA-Z%])/g;

function printf([format, ...args]: readonly Item[]): string {
  let next = 0;
  return show(format).replaceAll(
    VERB,
    (_whole, flags: string, width: string, precision: string | undefined, verb: string) => {
      if (verb === '%') return '%';
      if (next >= args.length) return `%!${verb}(MISSING)`;
      const shown = formatVerb(verb, args[next++], precision);
      const signed = flags.includes('+') && /^\d/.test(shown) && 'dfeg'.includes(verb) ? `+${shown}` : shown;
      const size = Math.min(Number(width || 0), 200);
      if (flags.includes('-')) return signed.padEnd(size);
      return flags.includes('0') ? signed.padStart(size, '0') : signed.padStart(size);
    },
  );
}

function formatVerb(verb: string, item: Item, precision: string | undefined): string {
  const digits = precision === undefined ? undefined : Math.min(Number(precision || 0), 100);
  const wrong = () => `%!${verb}(${typeof item === 'number' ? 'float64' : 'string'}=${show(item)})`;
  switch (verb) {
    case 'v':
      return show(item);
    case 's':
      return typeof item === 'number' ? wrong() : show(item).slice(0, digits);
    case 'q':
      return typeof item === 'number' ? wrong() : JSON.stringify(show(item));
    case 'd':
      return typeof item === 'number' && Number.isInteger(item) ? String(item) : wrong();
    case 'f':
      return typeof item === 'number' ? formatF(item, digits ?? 6) : wrong();
    case 'e':
      return typeof item === 'number' ? formatE(item, digits ?? 6) : wrong();
    case 'g':
      if (typeof item !== 'number') return wrong();
      return digits === undefined ? formatV(item) : formatG(item, digits);
    default:
      return wrong();
  }
}

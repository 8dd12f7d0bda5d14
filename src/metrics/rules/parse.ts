import { createRequire } from 'node:module';
import type { Document, LineCounter, YAMLMap } from 'yaml';
import { AllclearError } from '../../kernel/index.ts';
import { isPlainMetricName, NAME } from '../labels.ts';
import { parseDurationMs } from '../promql/literals.ts';
import { parsePromql } from '../promql/parse.ts';
import type { AlertingRule, RecordingRule, Rule, RuleGroup } from './model.ts';
import { compileTemplate, type Template } from './template.ts';
import { TemplateProblem } from './template-parse.ts';

// Loaded on first use: most commands never see a rule file.
const require = createRequire(import.meta.url);
let loaded: typeof import('yaml') | undefined;

function yaml(): typeof import('yaml') {
  loaded ??= require('yaml') as typeof import('yaml');
  return loaded;
}

const MAX_LENGTH = 4 * 1024 * 1024;
const GROUP_KEYS = new Set(['name', 'interval', 'query_offset', 'limit', 'labels', 'rules']);
const RULE_KEYS = new Set(['record', 'alert', 'expr', 'for', 'keep_firing_for', 'labels', 'annotations']);

/**
 * Reads a Prometheus rule file: alerting and recording rules in groups.
 * @param file its name, for messages
 * Throws `E_RULE_FILE` or `E_PROMQL_SYNTAX` with the line. A query that the built-in evaluator does
 * not support is kept: it fails when it is evaluated, and other rules go on.
 */
export function parseRuleFile(text: string, file: string): RuleGroup[] {
  if (text.length > MAX_LENGTH) {
    throw new AllclearError('E_FILE_TOO_LARGE', {
      what: `the file is longer than ${MAX_LENGTH} characters`,
      file,
    });
  }
  return new RuleFileReader(text, file).read();
}

/** Reads one file, and knows the line of everything in it. */
class RuleFileReader {
  readonly #file: string;
  readonly #lines: LineCounter = new (yaml().LineCounter)();
  readonly #document: Document.Parsed;

  constructor(text: string, file: string) {
    this.#file = file;
    this.#document = yaml().parseDocument(text, { lineCounter: this.#lines, uniqueKeys: true });
  }

  read(): RuleGroup[] {
    const [broken] = this.#document.errors;
    if (broken) throw this.#problem(broken.message.split('\n')[0]!.replace(/ at line .*/, ''), broken.pos[0]);
    const root = this.#document.contents;
    if (root === null) return [];
    if (!yaml().isMap(root)) throw this.#problem('a rule file is a mapping with the key groups', root);
    this.#refuseOtherKeys(root, new Set(['groups']), 'a rule file');
    const groups = root.get('groups', true);
    if (groups === undefined || (yaml().isScalar(groups) && groups.value === null)) return [];
    if (!yaml().isSeq(groups)) throw this.#problem('groups is not a list', groups);
    const seen = new Set<string>();
    return groups.items.map((item) => {
      if (!yaml().isMap(item)) throw this.#problem('a group is not a mapping', item);
      const group = this.#group(item);
      if (seen.has(group.name)) throw this.#problem(`the group ${group.name} occurs twice`, item);
      seen.add(group.name);
      return group;
    });
  }

  #group(map: YAMLMap): RuleGroup {
    this.#refuseOtherKeys(map, GROUP_KEYS, 'a group');
    const name = this.#text(map, 'name');
    if (!name) throw this.#problem('a group has no name', map);
    const labels = this.#templates(map, 'labels');
    const rules = map.get('rules', true);
    if (rules !== undefined && !yaml().isSeq(rules))
      throw this.#problem(`rules of group ${name} is not a list`, map);
    return {
      name,
      intervalMs: this.#duration(map, 'interval') ?? null,
      queryOffsetMs: this.#duration(map, 'query_offset') ?? 0,
      limit: Number(this.#text(map, 'limit') ?? 0) || 0,
      rules: (rules?.items ?? []).map((item) => {
        if (!yaml().isMap(item)) throw this.#problem('a rule is not a mapping', item);
        return this.#rule(item, labels);
      }),
      file: this.#file,
      line: this.#lineOf(map),
    };
  }

  #rule(map: YAMLMap, groupLabels: ReadonlyMap<string, Template>): Rule {
    this.#refuseOtherKeys(map, RULE_KEYS, 'a rule');
    const alert = this.#text(map, 'alert');
    const record = this.#text(map, 'record');
    if (alert && record) throw this.#problem('a rule has both alert and record', map);
    const name = alert || record;
    if (!name) throw this.#problem('a rule has neither alert nor record', map);
    const base = {
      name,
      expr: this.#expr(map, name),
      labels: new Map([...groupLabels, ...this.#templates(map, 'labels')]),
      file: this.#file,
      line: this.#lineOf(map),
    };
    if (record) return this.#recording(map, base);
    const rule: AlertingRule = {
      kind: 'alert',
      ...base,
      forMs: this.#duration(map, 'for') ?? 0,
      keepFiringForMs: this.#duration(map, 'keep_firing_for') ?? 0,
      annotations: this.#templates(map, 'annotations'),
    };
    return rule;
  }

  #recording(map: YAMLMap, base: Omit<RecordingRule, 'kind'>): RecordingRule {
    for (const key of ['for', 'keep_firing_for', 'annotations']) {
      if (map.has(key)) throw this.#problem(`the recording rule ${base.name} has ${key}`, map);
    }
    if (!isPlainMetricName(base.name)) throw this.#problem(`${base.name} is no metric name`, map);
    return { kind: 'record', ...base };
  }

  #expr(map: YAMLMap, name: string): string {
    const expr = this.#text(map, 'expr')?.trim();
    if (!expr) throw this.#problem(`the rule ${name} has no expr`, map);
    try {
      parsePromql(expr);
    } catch (error) {
      if (!(error instanceof AllclearError)) throw error;
      // An unsupported query is good PromQL: a real Prometheus can run this file.
      if (error.code !== 'E_PROMQL_UNSUPPORTED') {
        const node = map.get('expr', true);
        const { what, next } = error.details;
        throw new AllclearError(error.code, {
          what: `rule ${name}: ${what}`,
          next,
          file: this.#file,
          line: this.#lineOf(node ?? map),
          cause: error,
        });
      }
    }
    return expr;
  }

  #templates(map: YAMLMap, key: string): Map<string, Template> {
    const templates = new Map<string, Template>();
    const node = map.get(key, true);
    if (node === undefined || (yaml().isScalar(node) && node.value === null)) return templates;
    if (!yaml().isMap(node)) throw this.#problem(`${key} is not a mapping`, node);
    for (const pair of node.items) {
      const name = yaml().isScalar(pair.key) ? String(pair.key.value) : '';
      const { value } = pair;
      if (name === '' || name === NAME || !yaml().isScalar(value)) {
        throw this.#problem(`${key} holds ${name || 'a key'} that is no text`, pair.key);
      }
      const template = compileTemplate(textOf(value.value));
      if (template instanceof TemplateProblem) {
        // In a block scalar the text starts on the line below its key.
        const start = this.#lineOf(value) + (value.type?.startsWith('BLOCK') ? 1 : 0);
        throw new AllclearError('E_RULE_FILE', {
          what: `${key} ${name}: ${template.message}`,
          next: 'Rule templates know $labels, $value, printf, the humanize functions, toUpper, toLower, title, stripPort.',
          file: this.#file,
          line: start + template.line - 1,
        });
      }
      templates.set(name, template);
    }
    return templates;
  }

  #duration(map: YAMLMap, key: string): number | undefined {
    const text = this.#text(map, key);
    if (text === undefined) return undefined;
    const ms = parseDurationMs(text);
    if (ms === undefined)
      throw this.#problem(`${key}: ${text} is no duration such as 30s or 1h30m`, map.get(key, true));
    return ms;
  }

  #text(map: YAMLMap, key: string): string | undefined {
    const node = map.get(key, true);
    if (node === undefined) return undefined;
    if (!yaml().isScalar(node)) throw this.#problem(`${key} is no text`, node);
    return node.value === null ? undefined : textOf(node.value);
  }

  #refuseOtherKeys(map: YAMLMap, known: ReadonlySet<string>, where: string): void {
    for (const pair of map.items) {
      const name = yaml().isScalar(pair.key) ? String(pair.key.value) : '';
      if (!known.has(name)) throw this.#problem(`${where} has no key ${JSON.stringify(name)}`, pair.key);
    }
  }

  #lineOf(node: unknown): number {
    const offset =
      typeof node === 'number' ? node : (node as { range?: [number, ...number[]] } | null)?.range?.[0];
    return offset === undefined ? 1 : this.#lines.linePos(offset).line;
  }

  #problem(what: string, node: unknown): AllclearError {
    return new AllclearError('E_RULE_FILE', {
      what,
      next: 'See https://prometheus.io/docs/prometheus/latest/configuration/recording_rules/ for the form.',
      file: this.#file,
      line: this.#lineOf(node),
    });
  }
}

/** A scalar as text: numbers and booleans as they are shown. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}

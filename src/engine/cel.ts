/**
 * Conditions in CEL: compiled once, type-checked against the names that are bound, evaluated within a
 * bound of time. Numbers are doubles; comparing and computing with whole numbers works as one expects.
 */
import { createContext, Script } from 'node:vm';
import { type ASTNode, Environment, EvaluationError } from '@marcbachmann/cel-js';
import { AllclearError, oneLine, systemCode } from '../kernel/index.ts';

/** Milliseconds one evaluation may take. */
const LIMIT_MS = 250;
const MAX_LENGTH = 2000;
const LIMITS = {
  maxAstNodes: 1000,
  maxDepth: 50,
  maxListElements: 200,
  maxMapEntries: 50,
  maxCallArguments: 8,
};

export type Outcome =
  | { readonly kind: 'bool'; readonly value: boolean }
  /** It needs a name, or a field, that the output did not give. */
  | { readonly kind: 'missing'; readonly name: string }
  | { readonly kind: 'error'; readonly message: string };

export interface Expression {
  readonly source: string;
  /** The bound names it uses, in the order of their first use. */
  readonly names: readonly string[];
  /** Never throws. A name that is absent from `bindings` (or NaN) is missing data. */
  evaluate(bindings: Readonly<Record<string, unknown>>): Outcome;
}

/**
 * Compiles an expression over `names`.
 * Errors: `E_CONDITION` when it does not parse, uses another name, or cannot be true or false.
 */
export function compile(source: string, names: readonly string[]): Expression {
  const cached = cache.get(cacheKey(source, names));
  if (cached) return cached;
  const expression = compileNew(source, names);
  if (cache.size >= 500) cache.clear();
  cache.set(cacheKey(source, names), expression);
  return expression;
}

const cache = new Map<string, Expression>();

function cacheKey(source: string, names: readonly string[]): string {
  return `${names.join(' ')}\n${source}`;
}

function compileNew(source: string, names: readonly string[]): Expression {
  if (source.length > MAX_LENGTH) throw conditionError(source, `is longer than ${MAX_LENGTH} characters`);
  let program: ReturnType<Environment['parse']>;
  try {
    program = environment(names).parse(source);
  } catch (error) {
    throw conditionError(source, `does not parse: ${withoutColon(summary(error))}`, error);
  }
  const checked = program.check();
  if (!checked.valid) throw conditionError(source, explain(summary(checked.error), names), checked.error);
  if (checked.type !== 'bool' && checked.type !== 'dyn') {
    throw conditionError(source, `gives ${checked.type ?? 'something'}, not true or false`);
  }
  const used = usage(program.ast, new Set(names));
  return {
    source,
    names: used.names,
    evaluate: (bindings) => {
      const present = Object.fromEntries(
        used.names.filter((name) => isPresent(bindings[name])).map((name) => [name, bindings[name]]),
      );
      return outcome(() =>
        used.costly ? bounded(() => program(present) as unknown) : (program(present) as unknown),
      );
    },
  };
}

function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null && !Number.isNaN(value);
}

function environment(names: readonly string[]): Environment {
  const made = new Environment({ homogeneousAggregateLiterals: false, limits: LIMITS });
  for (const name of names) made.registerVariable(name, 'dyn');
  for (const [symbol, compute] of Object.entries(ARITHMETIC)) {
    made.registerOperator(`double ${symbol} int`, (a: number, b: bigint) => compute(a, Number(b)));
    made.registerOperator(`int ${symbol} double`, (a: bigint, b: number) => compute(Number(a), b));
  }
  return made;
}

/** CEL has no mixed arithmetic; outputs are doubles and people write whole numbers. */
const ARITHMETIC: Readonly<Record<string, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
};

function outcome(evaluate: () => unknown): Outcome {
  try {
    const value = evaluate();
    if (typeof value === 'boolean') return { kind: 'bool', value };
    return { kind: 'error', message: `gives ${oneLine(String(value), 40)}, not true or false` };
  } catch (error) {
    if (systemCode(error) === 'ERR_SCRIPT_EXECUTION_TIMEOUT') {
      return { kind: 'error', message: `takes longer than ${LIMIT_MS} ms to evaluate` };
    }
    if (error instanceof EvaluationError) {
      const missing = /^(?:Unknown variable|No such key): (.+)/.exec(summary(error));
      if (missing) return { kind: 'missing', name: missing[1]! };
    }
    return { kind: 'error', message: `cannot be evaluated: ${summary(error)}` };
  }
}

/** Runs the task and stops it after LIMIT_MS, also inside a loop or a regular expression. */
function bounded(task: () => unknown): unknown {
  watchdog ??= { script: new Script('run()'), context: createContext({ run: null }) };
  watchdog.context['run'] = task;
  try {
    return watchdog.script.runInContext(watchdog.context, { timeout: LIMIT_MS });
  } finally {
    watchdog.context['run'] = null;
  }
}

let watchdog: { script: Script; context: Record<string, unknown> } | null = null;

/** Which bound names the tree uses, and whether it can take long: loops over lists, regular expressions. */
function usage(ast: ASTNode, known: ReadonlySet<string>): { names: string[]; costly: boolean } {
  const names = new Set<string>();
  let costly = false;
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) {
      for (const part of node) visit(part);
    } else if (isNode(node)) {
      if (node.op === 'id' && known.has(node.args)) names.add(node.args);
      if (node.op === 'rcall' || node.op === 'call') costly = true;
      visit(node.args);
    }
  };
  visit(ast);
  return { names: [...names], costly };
}

function isNode(value: unknown): value is ASTNode {
  return typeof value === 'object' && value !== null && 'op' in value && 'args' in value;
}

function explain(message: string, names: readonly string[]): string {
  const unknown = /^Unknown variable: (.+)/.exec(message);
  if (!unknown) return `is not valid: ${message}`;
  return `uses "${unknown[1]!}", which is not bound here; the names are ${names.join(', ')}`;
}

function summary(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return oneLine(text.split('\n')[0]!, 200);
}

/** `Unexpected token: EOF` would be shown with its end redacted, as a token's value. */
function withoutColon(message: string): string {
  return message.replace(/^Unexpected token: /, 'unexpected ');
}

function conditionError(source: string, problem: string, cause?: unknown): AllclearError {
  return new AllclearError('E_CONDITION', {
    what: `The condition \`${oneLine(source, 120)}\` ${problem}`,
    next: 'Correct it in the runbook; docs/verdicts.md lists the names and what they mean.',
    cause,
  });
}

import { AllclearError } from '../../kernel/index.ts';

/** A place in the query as `line:column`, from 1, as Prometheus reports it. */
export function placeIn(text: string, offset: number): string {
  const before = text.slice(0, offset);
  const line = before.split('\n').length;
  return `${line}:${offset - before.lastIndexOf('\n')}`;
}

/** `E_PROMQL_SYNTAX` with the place in the query. */
export function syntaxError(text: string, offset: number, what: string, next?: string): AllclearError {
  return new AllclearError('E_PROMQL_SYNTAX', { what: `${what} (at ${placeIn(text, offset)})`, next });
}

/** `E_PROMQL_UNSUPPORTED`: the query is good PromQL, but the built-in evaluator does not know it. */
export function unsupported(what: string, why: string): AllclearError {
  return new AllclearError('E_PROMQL_UNSUPPORTED', {
    what: `${what} is not supported: ${why}`,
    next: 'Set ALLCLEAR_PROMETHEUS to ask a real Prometheus, or write the query without it.',
  });
}

/** `E_PROMQL_FAILED`: the query parses but its evaluation failed. */
export function failed(what: string, next?: string): AllclearError {
  return new AllclearError('E_PROMQL_FAILED', { what, next });
}

import { unquoteString } from '../promql/literals.ts';

/** A parsed `{{ … }}`: the commands of a pipeline; the result of each is the last argument of the next. */
export interface Pipeline {
  readonly commands: readonly (readonly Operand[])[];
}

export type Operand =
  | { readonly kind: 'literal'; readonly value: string | number }
  /** `$labels.job`, `.Value`: the variable, and the fields below it. */
  | { readonly kind: 'field'; readonly variable: string; readonly path: readonly string[] }
  | { readonly kind: 'function'; readonly name: string }
  | { readonly kind: 'group'; readonly pipeline: Pipeline };

/** Raw text, or an action with its line from 1. */
export type Part = string | { readonly pipeline: Pipeline; readonly line: number };

/** A template that is not well formed or uses what Allclear does not know. */
export class TemplateProblem {
  readonly message: string;
  readonly line: number;

  constructor(message: string, line: number) {
    this.message = message;
    this.line = line;
  }
}

const ACTION = /\{\{(-?)((?:"(?:[^"\\\n]|\\.)*"|`[^`]*`|(?!\}\})[^])*?)(-?)\}\}/g;
const TOKEN =
  /\s*(?:("(?:[^"\\\n]|\\.)*"|`[^`]*`)|([+-]?\d[\d.eE+-]*)|((?:\$[\w]*|(?=\.))(?:\.\w+)*\.?)|([A-Za-z_]\w*)|([|()]))/y;
const CONTROL = /^(?:if|else|end|range|with|define|template|block|break|continue)$/;

/** Splits a Go template into text and actions, or tells what is wrong. */
export function parseTemplate(source: string): Part[] | TemplateProblem {
  const parts: Part[] = [];
  let at = 0;
  let trimNext = false;
  const text = (raw: string, trimEnd: boolean) => {
    const left = trimNext ? raw.trimStart() : raw;
    const shown = trimEnd ? left.trimEnd() : left;
    if (shown.includes('{{')) return false;
    if (shown !== '') parts.push(shown);
    return true;
  };
  for (const match of source.matchAll(ACTION)) {
    const line = source.slice(0, match.index).split('\n').length;
    const [whole, open, body, close] = match as unknown as [string, string, string, string];
    if (!text(source.slice(at, match.index), open === '-'))
      return new TemplateProblem('an action is not closed', line);
    at = match.index + whole.length;
    trimNext = close === '-';
    if (/^\s*\/\*[^]*\*\/\s*$/.test(body)) continue;
    const pipeline = new ActionParser(body).parse();
    if (typeof pipeline === 'string') return new TemplateProblem(pipeline, line);
    parts.push({ pipeline, line });
  }
  if (text(source.slice(at), false)) return parts;
  return new TemplateProblem(
    'an action is not closed',
    source.slice(0, source.lastIndexOf('{{')).split('\n').length,
  );
}

/** Parses what stands between the braces. */
class ActionParser {
  readonly #tokens: string[] = [];
  readonly #body: string;
  #at = 0;

  constructor(body: string) {
    this.#body = body;
  }

  parse(): Pipeline | string {
    TOKEN.lastIndex = 0;
    let read = 0;
    for (;;) {
      const match = TOKEN.exec(this.#body);
      if (!match || match[0].trim() === '') break;
      this.#tokens.push(match[0].trim());
      read = TOKEN.lastIndex;
    }
    const rest = this.#body.slice(read).trim();
    if (rest !== '') return `unexpected ${JSON.stringify(rest.slice(0, 20))}`;
    if (CONTROL.test(this.#tokens[0] ?? '')) return `the template action ${this.#tokens[0]} is not supported`;
    try {
      const pipeline = this.#pipeline(0);
      return this.#at < this.#tokens.length ? `unexpected ${this.#tokens[this.#at]}` : pipeline;
    } catch (problem) {
      if (problem instanceof TemplateProblem) return problem.message;
      throw problem;
    }
  }

  #pipeline(depth: number): Pipeline {
    if (depth > 20) throw new TemplateProblem('parentheses are nested too deeply', 1);
    const commands: Operand[][] = [];
    for (;;) {
      const command: Operand[] = [];
      for (let token = this.#tokens[this.#at]; token !== undefined && token !== '|' && token !== ')'; ) {
        command.push(this.#operand(token, depth));
        token = this.#tokens[this.#at];
      }
      if (command.length === 0) throw new TemplateProblem('a command is missing', 1);
      commands.push(command);
      if (this.#tokens[this.#at] !== '|') return { commands };
      this.#at++;
    }
  }

  #operand(token: string, depth: number): Operand {
    this.#at++;
    if (token === '(') {
      const pipeline = this.#pipeline(depth + 1);
      if (this.#tokens[this.#at] !== ')') throw new TemplateProblem('a parenthesis is not closed', 1);
      this.#at++;
      return { kind: 'group', pipeline };
    }
    if (/^["`]/.test(token)) {
      const value = unquoteString(token);
      if (value === undefined) throw new TemplateProblem(`bad string ${token}`, 1);
      return { kind: 'literal', value };
    }
    if (/^[+-]?\d/.test(token)) {
      const value = Number(token);
      if (Number.isNaN(value)) throw new TemplateProblem(`bad number ${token}`, 1);
      return { kind: 'literal', value };
    }
    if (/^[$.]/.test(token)) {
      const [variable, ...path] = token.split('.') as [string, ...string[]];
      return { kind: 'field', variable, path: path.filter((name) => name !== '') };
    }
    return { kind: 'function', name: token };
  }
}

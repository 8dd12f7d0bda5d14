/**
 * RE2 regular expressions, as Prometheus uses them, on JavaScript's engine. The syntax is translated
 * where the two differ; what RE2 does not have (look-around, back-references) is refused.
 */

/** Patterns longer than this are refused; Prometheus has no bound, but a label matcher needs none longer. */
const MAX_PATTERN = 10_000;

const POSIX_CLASSES: Record<string, string> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  ascii: '\\x00-\\x7F',
  blank: '\\t ',
  cntrl: '\\x00-\\x1F\\x7F',
  digit: '0-9',
  graph: '!-~',
  lower: 'a-z',
  print: ' -~',
  punct: '!-\\/:-@\\[-`{-~',
  space: '\\t\\n\\v\\f\\r ',
  upper: 'A-Z',
  word: '0-9A-Za-z_',
  xdigit: '0-9A-Fa-f',
};

/** A regular expression that must match the whole text, or why there is none. */
export function compileRegex(source: string): RegExp | { problem: string } {
  if (source.length > MAX_PATTERN) return { problem: `it is longer than ${MAX_PATTERN} characters` };
  const translation = new Translation(source);
  const body = translation.run();
  if (translation.problem !== '') return { problem: translation.problem };
  try {
    return new RegExp(`^(?:${body})$`, `su${translation.ignoreCase ? 'i' : ''}`);
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

/** One pass over the pattern. `(?i)` in the middle opens a group that ends with the group around it. */
class Translation {
  problem = '';
  ignoreCase = false;
  readonly #source: string;
  #at = 0;
  #out = '';
  /** For each open group, the flag groups that inline flags opened inside it. */
  readonly #inline: string[][] = [[]];

  constructor(source: string) {
    this.#source = source;
  }

  run(): string {
    // The usual `(?i)…` becomes a flag of the whole pattern, which every engine knows.
    if (this.#source.startsWith('(?i)')) {
      this.ignoreCase = true;
      this.#at = 4;
    }
    while (this.#at < this.#source.length && this.problem === '') this.#step();
    if (this.#inline.length !== 1 && this.problem === '') this.problem = 'a parenthesis is not closed';
    return this.#out + ')'.repeat(this.#inline[0]?.length ?? 0);
  }

  #step(): void {
    const char = this.#source[this.#at]!;
    if (char === '\\') this.#escape(false);
    else if (char === '[') this.#class();
    else if (char === '(') this.#open();
    else if (char === ')') this.#close();
    else if (char === '|') this.#alternative();
    else if (char === '{' || char === '}') this.#brace(char);
    else if (char === ']') this.#emit('\\]', 1);
    else this.#emit(char, 1);
  }

  #emit(text: string, length: number): void {
    this.#out += text;
    this.#at += length;
  }

  #brace(char: string): void {
    const repeat = char === '{' ? /^\{\d+(?:,\d*)?\}/.exec(this.#source.slice(this.#at)) : null;
    // A brace that is no repetition is an ordinary character in RE2.
    if (repeat) this.#emit(repeat[0], repeat[0].length);
    else this.#emit(`\\${char}`, 1);
  }

  #open(): void {
    const rest = this.#source.slice(this.#at);
    const named = /^\(\?P?<([A-Za-z_]\w*)>/.exec(rest);
    const flags = /^\(\?([a-zA-Z]*)(?:-([a-zA-Z]+))?([:)])/.exec(rest);
    if (named) {
      this.#inline.push([]);
      this.#emit(`(?<${named[1]}>`, named[0].length);
    } else if (flags) {
      this.#flags(flags[1]!, flags[2] ?? '', flags[3] === ')', flags[0].length);
    } else if (rest.startsWith('(?')) {
      this.problem = 'RE2 has no look-around';
    } else {
      this.#inline.push([]);
      this.#emit('(', 1);
    }
  }

  #flags(on: string, off: string, inline: boolean, length: number): void {
    if (/[^ims]/.test(on + off)) {
      this.problem = `the flags ${on}${off} are not supported`;
      return;
    }
    const spec = off === '' ? on : `${on}-${off}`;
    if (!inline) this.#inline.push([]);
    else if (spec !== '') this.#inline.at(-1)!.push(`(?${spec}:`);
    this.#emit(inline && spec === '' ? '' : `(?${spec}:`, length);
  }

  #close(): void {
    if (this.#inline.length === 1) {
      this.problem = 'a parenthesis is not opened';
      return;
    }
    this.#emit(`${')'.repeat(this.#inline.pop()!.length)})`, 1);
  }

  /** Inline flags hold beyond `|`, so the groups they opened are closed before it and opened again. */
  #alternative(): void {
    const open = this.#inline.at(-1)!;
    this.#emit(`${')'.repeat(open.length)}|${open.join('')}`, 1);
  }

  #class(): void {
    let at = this.#at + 1;
    this.#out += '[';
    if (this.#source[at] === '^') {
      this.#out += '^';
      at++;
    }
    this.#at = at;
    for (let first = true; this.problem === ''; first = false) {
      const char = this.#source[this.#at];
      const posix = /^\[:(\^?)(\w+):\]/.exec(this.#source.slice(this.#at));
      if (char === undefined) this.problem = 'a bracket is not closed';
      else if (char === ']' && !first) return this.#emit(']', 1);
      else if (posix) this.#posix(posix[1] === '^', posix[2]!, posix[0].length);
      else if (char === '\\') this.#escape(true);
      else if (char === '[' || char === ']') this.#emit(`\\${char}`, 1);
      else this.#emit(char, 1);
    }
  }

  #posix(negated: boolean, name: string, length: number): void {
    const range = POSIX_CLASSES[name];
    if (range === undefined || negated) this.problem = `the class [:${name}:] is not supported`;
    else this.#emit(range, length);
  }

  #escape(inClass: boolean): void {
    const rest = this.#source.slice(this.#at);
    const next = rest[1];
    const property = /^\\[pP](?:\{\^?\w+\}|\w)/.exec(rest);
    const code = /^\\x(?:\{([0-9a-fA-F]+)\}|([0-9a-fA-F]{2}))/.exec(rest);
    const octal = /^\\0?([0-7]{2,3})/.exec(rest);
    if (next === undefined) this.problem = 'it ends in a backslash';
    else if (next === 'Q') this.#literal(rest);
    else if (property) this.#property(property[0]);
    else if (code) this.#emit(`\\u{${(code[1] ?? code[2])!}}`, code[0].length);
    else if (octal) this.#emit(`\\u{${Number.parseInt(octal[1]!, 8).toString(16)}}`, octal[0].length);
    else if (next === 'a') this.#emit('\\x07', 2);
    else if (next === 'A' && !inClass) this.#emit('^', 2);
    else if (next === 'z' && !inClass) this.#emit('$', 2);
    else if (/[dDwWsSbBfnrtv]/.test(next)) this.#emit(`\\${next}`, 2);
    else if (/[0-9A-Za-z]/.test(next)) this.problem = `RE2 has no \\${next}`;
    else this.#emit(/[\^$\\.*+?()[\]{}|/-]/.test(next) && (next !== '-' || inClass) ? `\\${next}` : next, 2);
  }

  #property(text: string): void {
    const negated = text.startsWith('\\P') !== text.includes('{^');
    const name = text.slice(2).replace(/[{}^]/g, '');
    // One or two letters name a general category, longer names a script.
    this.#emit(`\\${negated ? 'P' : 'p'}{${name.length <= 2 ? name : `Script=${name}`}}`, text.length);
  }

  #literal(rest: string): void {
    const end = rest.indexOf('\\E');
    const text = end === -1 ? rest.slice(2) : rest.slice(2, end);
    this.#emit(text.replaceAll(/[\^$\\.*+?()[\]{}|/]/g, '\\$&'), end === -1 ? rest.length : end + 2);
  }
}

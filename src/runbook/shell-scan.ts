/**
 * Follows shell quoting and nesting just far enough to say between which lines a script can be cut.
 * It need not be right about every script, only never call a place safe that is not: an unknown or
 * unbalanced construct makes the rest unsafe.
 */

const OPENERS: ReadonlySet<string> = new Set(['if', 'case', 'do', '{']);
const CLOSERS: ReadonlySet<string> = new Set(['fi', 'esac', 'done', '}']);
const WORDS_BEFORE_COMMAND: ReadonlySet<string> = new Set([
  'then',
  'else',
  'elif',
  'do',
  '{',
  '!',
  'if',
  'while',
  'until',
]);

interface ScanState {
  /** The open quote; `$` stands for `$'…'`, in which a backslash escapes. */
  quote: '"' | "'" | '`' | '$' | null;
  parens: number;
  nesting: number;
  /** Heredoc delimiters still to be met, in order. */
  heredocs: string[];
  /** The next line belongs to this command. */
  continued: boolean;
  /** It does so because of an operator at the end (`|`, `&&`). */
  operator: boolean;
}

/** For every line: whether the script is complete after it, so that a cut there breaks nothing. */
export function completeAfter(lines: readonly string[]): boolean[] {
  const state: ScanState = {
    quote: null,
    parens: 0,
    nesting: 0,
    heredocs: [],
    continued: false,
    operator: false,
  };
  let broken = false;
  return lines.map((line) => {
    if (state.heredocs.length > 0 && state.quote === null) {
      if (line.trim() === state.heredocs[0]) state.heredocs.shift();
    } else if (!broken) {
      scanLine(line, state);
      broken = state.nesting < 0 || state.parens < 0;
    }
    return !broken && isNeutral(state);
  });
}

function isNeutral(state: ScanState): boolean {
  return (
    state.quote === null &&
    state.parens === 0 &&
    state.nesting === 0 &&
    state.heredocs.length === 0 &&
    !state.continued
  );
}

function scanLine(line: string, state: ScanState): void {
  let word = '';
  let commandPosition = true;
  // Blank lines and comments may stand behind a pipe that goes on, though not behind a backslash.
  const afterOperator = state.continued && state.operator;
  state.continued = false;
  let codeEnd = line.length;
  const endWord = () => {
    if (word === '') return;
    if (commandPosition && OPENERS.has(word)) state.nesting += 1;
    if (commandPosition && CLOSERS.has(word)) state.nesting -= 1;
    commandPosition = commandPosition && WORDS_BEFORE_COMMAND.has(word);
    word = '';
  };
  for (let at = 0; at < line.length; at++) {
    const char = line[at]!;
    if (char === '\\' && state.quote !== "'") {
      if (at === line.length - 1) Object.assign(state, { continued: state.quote === null, operator: false });
      word += 'x';
      at += 1;
    } else if (state.quote !== null) {
      if (char === (state.quote === '$' ? "'" : state.quote)) state.quote = null;
    } else if (char === '"' || char === "'" || char === '`') {
      state.quote = char === "'" && line[at - 1] === '$' ? '$' : char;
      word += 'x';
    } else if (char === '#' && word === '') {
      codeEnd = at;
      break;
    } else if (char === '<' && line[at + 1] === '<') {
      at = scanHeredoc(line, at, state);
      word += 'x';
    } else if (char === '$' && line[at + 1] === '{') {
      const close = line.indexOf('}', at);
      // An expansion over several lines: too deep for this scanner.
      if (close === -1) state.nesting = -1;
      at = close === -1 ? line.length : close;
      word += 'x';
    } else if (/[\s;|&()]/.test(char)) {
      endWord();
      if (char === '(') state.parens += 1;
      // Inside `case`, a pattern ends in a bracket that nothing opened.
      if (char === ')' && !(state.parens === 0 && state.nesting > 0)) state.parens -= 1;
      if (!/\s/.test(char)) commandPosition = true;
    } else word += char;
  }
  endWord();
  const code = line.slice(0, codeEnd).trimEnd();
  const operator = state.quote === null && /(?:\||&&)$/.test(code);
  const ends = operator || (afterOperator && code.trim() === '');
  if (ends) Object.assign(state, { continued: true, operator: true });
}

/** Notes the delimiter of `<<EOF`, `<<-'EOF'`; `<<<` is a here-string. Returns where to go on. */
function scanHeredoc(line: string, at: number, state: ScanState): number {
  if (line[at + 2] === '<') return at + 2;
  const match = /^<<-?\s*(?:'([^']+)'|"([^"]+)"|\\?([\w.-]+))/.exec(line.slice(at, at + 200));
  if (!match) return at + 1;
  state.heredocs.push(match[1] ?? match[2] ?? match[3]!);
  return at + match[0].length - 1;
}

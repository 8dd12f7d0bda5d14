/** Variables of a shell script that stand outside double quotes, where the shell splits and expands their value. */
export function unquotedVariables(script: string, wanted: RegExp): { name: string; row: number }[] {
  const found: { name: string; row: number }[] = [];
  let quote: '"' | "'" | null = null;
  let row = 0;
  let wordStart = 0;
  for (let at = 0; at < script.length; at++) {
    const char = script[at]!;
    if (char === '\n') row += 1;
    if (char === '\\' && quote !== "'") at += 1;
    else if (quote !== null) quote = char === quote ? null : quote;
    else if (char === '"' || char === "'") quote = char;
    else if (/[\s;|&(]/.test(char)) wordStart = at + 1;
    else if (char === '$') {
      const name = /^\$\{?([A-Za-z_]\w{0,100})/.exec(script.slice(at, at + 110))?.[1];
      // The value of an assignment is not split.
      const assigned = /^[A-Za-z_]\w*=/.test(script.slice(wordStart, Math.min(at, wordStart + 200)));
      if (name !== undefined && wanted.test(name) && !assigned) found.push({ name, row });
    }
  }
  return found;
}

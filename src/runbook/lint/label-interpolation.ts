import { runnableLines } from '../commands.ts';
import type { BlockLanguage } from '../model.ts';
import { unquotedVariables } from './quoting.ts';
import type { Finding, Rule } from './rule.ts';

/**
 * Nothing is ever put into the text of a command: an alert's labels are untrusted, and a text template
 * would run them. They arrive as environment variables (`$LABEL_INSTANCE`, `$PARAM_REGION`), and stand
 * in double quotes so that the shell does not split them. Templates of rule files (`{{ $labels.x }}`),
 * of pipelines (`${{ … }}`), `%s` and `<placeholders>` stay as they are written, and fail.
 *
 * Good:
 *
 * ````markdown
 * ## Diagnosis
 * ```bash
 * # Restarts (should be 0)
 * kubectl logs "$LABEL_POD" --template='{{range .items}}x{{end}}' | wc -l
 * ```
 * ````
 *
 * Bad, line 3:
 *
 * ````markdown
 * ## Diagnosis
 * ```bash
 * kubectl logs {{ $labels.pod }}
 * ```
 * ````
 *
 * Bad, line 3:
 *
 * ````markdown
 * ## Diagnosis
 * ```bash
 * kubectl logs $LABEL_POD
 * ```
 * ````
 */
export const labelInterpolation: Rule = {
  name: 'label-interpolation',
  severity: 'error',
  *check({ sections }) {
    for (const { name: section, fences } of sections) {
      if (!RUNS.has(section)) continue;
      for (const fence of fences) {
        if (fence.language === null) continue;
        const lines = runnableLines(fence).filter(({ text }) => !text.trimStart().startsWith('#'));
        for (const { text, line } of lines) yield* checkLine(text, line, fence.language);
        if (fence.language === 'promql' || !fence.code.includes('LABEL_')) continue;
        for (const { name, row } of unquotedVariables(lines.map(({ text }) => text).join('\n'), /^LABEL_/)) {
          const message = `$${name} is untrusted and not quoted; write "$${name}"`;
          yield { line: lines[row]!.line, message, expected: `"$${name}"` };
        }
      }
    }
  },
};

const RUNS: ReadonlySet<string> = new Set(['diagnosis', 'remediation', 'verify']);
const LABEL_TEMPLATE =
  /\{\{-?\s*(?:\$?labels\b|\$value\b|\$externalLabels\b|\.(?:Labels|CommonLabels|GroupLabels|Alerts|Value)\b|(?!end\b|else\b|break\b|continue\b)[a-z_]\w*\s*-?\}\})/;
const PLACEHOLDER = /<[A-Za-z][\w-]*(?: [\w-]+){0,8}>/;
const FORMATTED =
  /\bprintf\b|\bdate\b|\bstat\b|\bawk\b|\bjq\b|strftime|--format|--pretty|\s-w\b|\s-f\b|\s-c\b/;
const ANOTHER_SHELL = /\b(?:eval|ssh|(?:ba|z|k|da)?sh\s+-\w*c)\b.*\$\{?LABEL_/;

function* checkLine(text: string, line: number, language: BlockLanguage): Generator<Finding> {
  const expected =
    language === 'promql' ? 'a query without templates' : 'an environment variable in double quotes';
  if (text.length > 10_000 || !/[{<%$]/.test(text)) return;
  if (text.includes('${{') || LABEL_TEMPLATE.test(text)) {
    yield {
      line,
      message: 'a template is not filled in here; use environment variables such as "$LABEL_INSTANCE"',
      expected,
    };
  } else if (PLACEHOLDER.test(text)) {
    const shown = PLACEHOLDER.exec(text)![0];
    yield {
      line,
      severity: 'warning',
      message: `${shown} is a placeholder, and runs as it stands; use "$LABEL_…" or "$PARAM_…"`,
      expected,
    };
  } else if (/%[sd]\b/.test(text) && !FORMATTED.test(text)) {
    yield {
      line,
      severity: 'warning',
      message: '"%s" is not filled in here; use "$LABEL_…" or "$PARAM_…"',
      expected,
    };
  }
  if (language === 'promql' && /\$\{?[A-Za-z_]/.test(text)) {
    yield {
      line,
      severity: 'warning',
      message: 'variables are not filled into queries; select with fixed labels, or aggregate',
      expected,
    };
  }
  if (language !== 'promql' && ANOTHER_SHELL.test(text)) {
    yield {
      line,
      message:
        'a label reaches another shell as part of its program; pass it as an argument or in the environment',
      expected,
    };
  }
}

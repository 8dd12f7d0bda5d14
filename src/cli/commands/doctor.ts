import { examine } from '../../app/doctor/examine.ts';
import type { Finding, FindingState } from '../../app/doctor/finding.ts';
import { printable } from '../../kernel/index.ts';
import type { Io } from '../io.ts';
import { painter } from '../paint.ts';
import { wrap } from '../wrap.ts';

/** Options of `allclear doctor`. */
export interface DoctorCommandOptions {
  readonly config?: string;
  readonly runbooks?: readonly string[];
  readonly prometheus?: string;
  readonly alertmanager?: string;
  readonly json?: boolean;
}

const WORDS: Readonly<
  Record<FindingState, { readonly word: string; readonly colour: 'red' | 'green' | 'yellow' | 'dim' }>
> = {
  ok: { word: 'ok', colour: 'green' },
  warning: { word: 'look', colour: 'yellow' },
  broken: { word: 'broken', colour: 'red' },
  off: { word: '–', colour: 'dim' },
};
const NAME = 13;
const STATE = 7;

/** @returns 1 when something needed is broken */
export async function doctorCommand(options: DoctorCommandOptions, io: Io): Promise<number> {
  const findings = await examine({ ...options, env: io.env, cwd: io.cwd });
  if (options.json) io.out(`${JSON.stringify(findings, null, 2)}\n`);
  else for (const finding of findings) io.out(text(finding, io));
  return findings.some(({ state }) => state === 'broken') ? 1 : 0;
}

function text({ name, state, found, fix }: Finding, io: Io): string {
  const paint = painter(io);
  const { word, colour } = WORDS[state];
  const head = `${name.padEnd(NAME)}${paint(colour, word)}${' '.repeat(STATE - word.length)}`;
  const hint = fix === null || state === 'ok' ? '' : `${paint('dim', column(fix, io))}\n`;
  return `${head}${column(found, io).trimStart()}\n${hint}`;
}

/** In the third column, at most 80 wide; paths below the current folder are shown from there. */
function column(sentence: string, io: Io): string {
  const indent = ' '.repeat(NAME + STATE);
  const width = Math.min(io.columns >= 40 ? io.columns : 80, 80);
  const shown = printable(sentence).replaceAll(`${io.cwd}/`, '');
  // What is too long for a line, as some paths are, is broken anywhere.
  const words = shown.replace(new RegExp(`\\S{${width - indent.length - 1}}(?=\\S)`, 'g'), '$& ');
  return wrap(indent + words, width, indent);
}

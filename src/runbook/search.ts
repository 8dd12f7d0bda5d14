/** Finding runbooks by words. */
import type { Runbook } from './model.ts';

const MAX_WORDS = 20;
/** What a word counts where it is found: in what names the runbook, in what it looks like, anywhere. */
const NAMED = 8;
const SYMPTOM = 3;
const ANYWHERE = 1;
/** More for a word that stands by itself than for part of another. */
const WHOLE_WORD = 2;

/** A runbook's text in lower case, made once. */
interface Index {
  readonly names: string;
  readonly symptom: string;
  readonly text: string;
}

const indexes = new WeakMap<Runbook, Index>();

/**
 * Runbooks in which at least one of the words is found, best first; without words all, by id. A runbook that has
 * more of the words comes before one that has one of them often.
 */
export function searchRunbooks(runbooks: readonly Runbook[], query: string, limit: number): Runbook[] {
  const words = [...new Set(query.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [])].slice(0, MAX_WORDS);
  if (words.length === 0) return runbooks.toSorted(byId).slice(0, limit);
  return runbooks
    .map((runbook) => ({ runbook, score: scoreOf(indexOf(runbook), words) }))
    .filter(({ score }) => score > 0)
    .toSorted((a, b) => b.score - a.score || byId(a.runbook, b.runbook))
    .slice(0, limit)
    .map(({ runbook }) => runbook);
}

/** What a runbook is about, in a sentence or two: the first lines of its Symptom. */
export function summaryOf(runbook: Runbook, width: number): string {
  const symptom = runbook.sections.find(({ name }) => name === 'symptom');
  const text = (symptom?.prose ?? []).map((line) => line.text.replace(/\s+/g, ' ').trim()).join(' ');
  return text.length <= width ? text : `${text.slice(0, width - 1).trimEnd()}…`;
}

function scoreOf({ names, symptom, text }: Index, words: readonly string[]): number {
  const found = words.map(
    (word) => NAMED * weight(names, word) + SYMPTOM * weight(symptom, word) + ANYWHERE * weight(text, word),
  );
  const matched = found.filter((score) => score > 0).length;
  return matched * found.reduce((sum, score) => sum + score, 0);
}

function weight(text: string, word: string): number {
  const at = text.indexOf(word);
  if (at < 0) return 0;
  return ` ${text} `.includes(` ${word} `) ? WHOLE_WORD : 1;
}

function indexOf(runbook: Runbook): Index {
  const known = indexes.get(runbook);
  if (known) return known;
  const { id, title, frontMatter } = runbook;
  const symptom = runbook.sections.find(({ name }) => name === 'symptom');
  const made = {
    names: plain([id, title, ...frontMatter.alerts, frontMatter.owner ?? ''].join(' ')),
    symptom: plain((symptom?.prose ?? []).map(({ text }) => text).join(' ')),
    text: plain(runbook.source),
  };
  indexes.set(runbook, made);
  return made;
}

function plain(text: string): string {
  return text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, ' ');
}

function byId(a: Runbook, b: Runbook): number {
  return a.id < b.id ? -1 : 1;
}

/** The checks of Diagnosis and Verify: every executable fence, cut into its paragraphs, with what is normal. */
import { bindExpectation } from './bind.ts';
import { type Block, walkBlocks } from './blocks.ts';
import { labelOf, nameOf, UniqueNames } from './check-names.ts';
import { type Paragraph, paragraphsOf, wholeCommand } from './commands.ts';
import { readDuration } from './durations.ts';
import { type Expectation, readExpectation } from './expectations.ts';
import type { Attributes, Check, Condition, Diagnostic, Fence } from './model.ts';
import type { SectionBlocks } from './sections.ts';
import { lastSentence, plainText, shorten, splitSentence } from './text-lines.ts';

/** A check whose name may still clash with another's. */
type Draft = Omit<Check, 'name'> & { readonly wantedName: string | null };

/** Reads the checks of all Diagnosis and Verify sections. `undoNames` are blocks that only take steps back. */
export function readChecks(sections: readonly SectionBlocks[], undoNames: ReadonlySet<string>) {
  const diagnostics: Diagnostic[] = [];
  const drafts: Draft[] = [];
  for (const { section, blocks } of sections) {
    if (section.name !== 'diagnosis' && section.name !== 'verify') continue;
    for (const { fence, lead } of fencesWithLead(blocks)) {
      if (fence.language === null || undoNames.has(String(fence.attributes['name'] ?? ''))) continue;
      drafts.push(...draftChecks(fence, section.name, lead, diagnostics));
    }
  }
  return { checks: nameChecks(drafts), diagnostics };
}

/** Every fence with the paragraph or heading right before it. */
function* fencesWithLead(blocks: readonly Block[]): Generator<{ fence: Fence; lead: string }> {
  let lead = '';
  for (const block of walkBlocks(blocks)) {
    if (block.type === 'paragraph' || block.type === 'heading') lead = block.text;
    if (block.type !== 'fence') continue;
    yield { fence: block.fence, lead };
    lead = '';
  }
}

function draftChecks(
  fence: Fence,
  section: Check['section'],
  lead: string,
  diagnostics: Diagnostic[],
): Draft[] {
  const { attributes } = fence;
  const stated = statedConditions(attributes);
  // A stated condition is about all that the fence prints.
  const paragraphs = stated
    ? [wholeCommand(fence)].filter(({ command }) => command !== '')
    : paragraphsOf(fence);
  const durations = readDurations(fence, diagnostics);
  const givenName =
    paragraphs.length === 1 && typeof attributes['name'] === 'string' ? attributes['name'] : null;
  return paragraphs.flatMap((paragraph): Draft[] => {
    const base = {
      section,
      language: fence.language!,
      command: paragraph.command,
      timeout: durations.timeout,
      attributes,
      line: paragraph.line,
      wantedName: givenName,
      label: labelFor(paragraph, givenName, lead),
    };
    if (stated)
      return [{ ...base, ...stated, question: null, within: durations.within, holdFor: durations.for }];
    const expected = inferred(paragraph, base, durations);
    return expected.length > 0
      ? expected
      : [
          {
            ...base,
            ...NO_CONDITION,
            within: durations.within,
            holdFor: durations.for,
            wantedName: givenName ?? nameFor(paragraph),
          },
        ];
  });
}

const NO_CONDITION = { normal: null, abnormal: null, question: null } as const;

/** One check per expectation in the paragraph's comments; those after the first command are always asked. */
function inferred(
  paragraph: Paragraph,
  base: Omit<Draft, 'normal' | 'abnormal' | 'question' | 'within' | 'holdFor'>,
  durations: Durations,
): Draft[] {
  const read = (comment: string) => readExpectation(comment, base.section);
  const leading = paragraph.comments.map(read).filter((found) => found !== null);
  const inner = paragraph.innerComments.map(read).filter((found) => found !== null);
  const shared = leading.length + inner.length > 1;
  return [...leading, ...inner].map((expectation, index) => {
    const cel = index < leading.length ? bindExpectation(expectation, { ...base, shared }) : null;
    const wantedName = shared ? nameOf(expectation.subject) : (base.wantedName ?? nameFor(paragraph));
    return {
      ...base,
      ...conditionOrQuestion(expectation, cel),
      label: shared ? expectation.sentence : base.label,
      wantedName: wantedName ?? base.wantedName ?? nameFor(paragraph),
      within: durations.within ?? expectation.within,
      holdFor: durations.for ?? expectation.holdFor,
    };
  });
}

/** What an expectation gives a check: a condition when it could be bound, else the question to ask. */
export function conditionOrQuestion(
  expectation: Expectation,
  cel: string | null,
): Pick<Check, 'normal' | 'abnormal' | 'question'> {
  if (cel === null) return { ...NO_CONDITION, question: expectation.sentence };
  const condition: Condition = { cel, inferred: true, from: expectation.sentence };
  return { ...NO_CONDITION, [expectation.side]: condition };
}

function statedConditions(attributes: Attributes): Pick<Check, 'normal' | 'abnormal'> | null {
  const normal = attributeCondition(attributes, 'normal');
  const abnormal = attributeCondition(attributes, 'abnormal');
  return normal || abnormal ? { normal, abnormal } : null;
}

function attributeCondition(attributes: Attributes, key: 'normal' | 'abnormal'): Condition | null {
  const value = attributes[key];
  return typeof value === 'string' && value.trim() !== ''
    ? { cel: value.trim(), inferred: false, from: value }
    : null;
}

interface Durations {
  readonly within: number | null;
  readonly for: number | null;
  readonly timeout: number | null;
}

function readDurations(fence: Fence, diagnostics: Diagnostic[]): Durations {
  for (const key of ['normal', 'abnormal']) {
    const value = fence.attributes[key];
    if (value === undefined || (typeof value === 'string' && value.trim() !== '')) continue;
    const message = `"${key}" is a CEL expression in quotes, such as "value < 100"`;
    diagnostics.push({ rule: 'bad-attribute', severity: 'error', line: fence.line, message });
  }
  return {
    within: readDuration(fence, 'within', diagnostics),
    for: readDuration(fence, 'for', diagnostics),
    timeout: readDuration(fence, 'timeout', diagnostics),
  };
}

function labelFor(paragraph: Paragraph, givenName: string | null, lead: string): string {
  if (paragraph.comments.length > 0) return shorten(labelOf(paragraph.comments.join('; ')), 200);
  if (givenName !== null) return givenName;
  const text = plainText(lead);
  const sentence = text.endsWith(':') ? lastSentence(text) : splitSentence(text).first;
  return sentence === '' ? shorten(paragraph.command.split('\n')[0]!.trim(), 80) : shorten(sentence, 120);
}

function nameFor(paragraph: Paragraph): string | null {
  const comment = paragraph.comments[0];
  return comment === undefined ? null : nameOf(comment);
}

/** Names written in the file keep their name; the others step aside. */
function nameChecks(drafts: readonly Draft[]): Check[] {
  const names = new UniqueNames();
  const counts = { diagnosis: 0, verify: 0 };
  const wanted = drafts.map(({ section, wantedName }) => {
    counts[section] += 1;
    return wantedName ?? `${section}-${counts[section]}`;
  });
  const isWritten = (index: number) => drafts[index]!.attributes['name'] === drafts[index]!.wantedName;
  const given = drafts.map((_, index) =>
    isWritten(index) ? names.take(wordsAndDashes(wanted[index]!)) : null,
  );
  return drafts.map(({ wantedName: _wanted, ...check }, index) => ({
    ...check,
    name: given[index] ?? names.take(wanted[index]!),
  }));
}

function wordsAndDashes(name: string): string {
  return /^[A-Za-z][\w-]{0,79}$/.test(name) ? name : (nameOf(name) ?? 'unnamed');
}

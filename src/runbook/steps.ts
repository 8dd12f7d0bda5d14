/** The steps of Remediation: list items and bare fences, in order, each with its commands. */

import { type Block, type ContainerBlock, walkBlocks } from './blocks.ts';
import { labelOf } from './check-names.ts';
import { wholeCommand } from './commands.ts';
import { readDuration } from './durations.ts';
import type { Diagnostic, Fence, Risk, Step, StepBlock } from './model.ts';
import type { SectionBlocks } from './sections.ts';
import { isOnlyLink, lastSentence, plainText, shorten, splitSentence } from './text-lines.ts';

/** A step while its fences are still being gathered. */
interface Draft {
  title: string;
  prose: string;
  line: number;
  /** A list item takes the un-indented fences that follow it. */
  readonly item: boolean;
  readonly fences: Fence[];
}

/** Reads the steps of all Remediation sections. `named` holds every named fence of the file, for `undo`. */
export function readSteps(
  sections: readonly SectionBlocks[],
  named: ReadonlyMap<string, Fence>,
  undoNames: ReadonlySet<string>,
) {
  const diagnostics: Diagnostic[] = [];
  const drafts = sections
    .filter(({ section }) => section.name === 'remediation')
    .flatMap(({ blocks }) => draftSteps(blocks));
  const steps: Step[] = [];
  for (const draft of drafts) {
    const executable = draft.fences.filter(
      ({ language, attributes }) => language !== null && !undoNames.has(String(attributes['name'] ?? '')),
    );
    const blocks = executable
      .map((fence) => stepBlock(fence, named, diagnostics))
      .filter(({ command }) => command !== '');
    // A bare fence that runs nothing (an undo block, only comments, another language) is no step.
    if (!draft.item && blocks.length === 0) continue;
    const stated = executable.map((fence) => statedRisk(fence, diagnostics)).filter((risk) => risk !== null);
    steps.push({
      index: steps.length + 1,
      title: draft.title,
      prose: draft.prose,
      manual: blocks.length === 0,
      risk: highestRisk(stated),
      riskStated: stated.length > 0,
      blocks,
      line: draft.line,
    });
  }
  return { steps, diagnostics };
}

const RISKS: readonly Risk[] = ['safe', 'reversible', 'disruptive'];

function highestRisk(stated: readonly Risk[]): Risk {
  if (stated.length === 0) return 'reversible';
  return RISKS[Math.max(...stated.map((risk) => RISKS.indexOf(risk)))]!;
}

/** A risk that cannot be read counts as the highest: a typing error must not lower the guard. */
function statedRisk(fence: Fence, diagnostics: Diagnostic[]): Risk | null {
  if (fence.broken) return 'disruptive';
  const value = fence.attributes['risk'];
  if (value === undefined || value === null) return null;
  const risk = RISKS.find((known) => known === String(value).toLowerCase());
  if (risk !== undefined) return risk;
  const message = `"risk" is safe, reversible or disruptive, not ${JSON.stringify(value)}; taken as disruptive`;
  diagnostics.push({ rule: 'bad-attribute', severity: 'error', line: fence.line, message });
  return 'disruptive';
}

function stepBlock(fence: Fence, named: ReadonlyMap<string, Fence>, diagnostics: Diagnostic[]): StepBlock {
  const { name, undo } = fence.attributes;
  const { command, line } = wholeCommand(fence);
  return {
    name: typeof name === 'string' ? name : null,
    language: fence.language!,
    command,
    timeout: readDuration(fence, 'timeout', diagnostics),
    undo: undo === undefined || undo === null ? null : resolveUndo(String(undo), fence, named, diagnostics),
    attributes: fence.attributes,
    line,
  };
}

function resolveUndo(
  name: string,
  fence: Fence,
  named: ReadonlyMap<string, Fence>,
  diagnostics: Diagnostic[],
): StepBlock['undo'] {
  const target = named.get(name);
  const command = target && target !== fence && target.language !== null ? wholeCommand(target).command : '';
  if (target?.language && command !== '') return { name, language: target.language, command };
  const message = `"undo" names the block "${name}", which does not exist or runs nothing; name a fence with {"name":"${name}"}`;
  diagnostics.push({ rule: 'unknown-undo', severity: 'error', line: fence.line, message });
  return null;
}

/** Walks the section's top level: list items and bare fences start steps, fences after an item join it. */
function draftSteps(blocks: readonly Block[]): Draft[] {
  const drafts: Draft[] = [];
  const hasOrdered = blocks.some(({ type }) => type === 'ordered');
  let current: Draft | null = null;
  let lead = '';
  for (const block of blocks) {
    if (block.type === 'heading' || block.type === 'paragraph') {
      // A new subheading ends what belonged to the item above it.
      if (block.type === 'heading') current = null;
      lead = block.text;
    } else if (block.type === 'ordered' || block.type === 'bullets') {
      for (const item of block.children) {
        if (item.type !== 'item' || !isStep(item, block.type, hasOrdered)) continue;
        current = itemDraft(item);
        drafts.push(current);
      }
      lead = '';
    } else {
      for (const inner of walkBlocks([block])) {
        if (inner.type !== 'fence') continue;
        const { fence } = inner;
        if (current?.item) current.fences.push(fence);
        else drafts.push(fenceDraft(fence, lead));
        lead = '';
      }
    }
  }
  return drafts;
}

/** Bullets are steps where nothing is numbered, or when they hold commands; lists of links never are. */
function isStep(item: ContainerBlock, list: 'ordered' | 'bullets', hasOrdered: boolean): boolean {
  const [first] = item.children;
  if (list === 'ordered') return item.children.length > 0;
  const runs = walkBlocks(item.children).some(
    (block) => block.type === 'fence' && block.fence.language !== null,
  );
  if (runs) return true;
  return !hasOrdered && first?.type === 'paragraph' && !isOnlyLink(first.text);
}

function itemDraft(item: ContainerBlock): Draft {
  const texts: string[] = [];
  const fences: Fence[] = [];
  for (const block of walkBlocks(item.children)) {
    if (block.type === 'paragraph' || block.type === 'heading') texts.push(block.text);
    if (block.type === 'fence') fences.push(block.fence);
  }
  const { title, prose } = titleOf(texts[0] ?? '');
  const rest = texts.slice(1).map(plainText);
  const fallback = fences[0] ? commandTitle(fences[0]) : 'Untitled step';
  return {
    title: title === '' ? fallback : title,
    prose: [prose, ...rest].filter((text) => text !== '').join('\n'),
    line: item.line,
    item: true,
    fences,
  };
}

/** `**Bold lead**: prose`, or the first sentence as the title. */
function titleOf(text: string): { title: string; prose: string } {
  const bold = /^\s*(?:\*\*([^*]{1,300})\*\*|__([^_]{1,300})__)\s*(.*)$/s.exec(text);
  const lead = bold?.[1] ?? bold?.[2];
  if (lead !== undefined) {
    const prose = plainText(bold![3]!).replace(/^[:.,;–—-]+\s*/, '');
    return { title: plainText(lead).replace(/[:.,;]+$/, ''), prose };
  }
  const plain = plainText(text);
  const { first, rest } = splitSentence(plain);
  if (first.length <= 100) return { title: first, prose: rest };
  return { title: shorten(first, 100), prose: plain };
}

function fenceDraft(fence: Fence, lead: string): Draft {
  const sentence = lastSentence(plainText(lead));
  const title = sentence === '' ? commandTitle(fence) : shorten(sentence, 100);
  return { title, prose: '', line: fence.line, item: false, fences: [fence] };
}

function commandTitle(fence: Fence): string {
  const { comments, command } = wholeCommand(fence);
  if (comments[0] !== undefined) return shorten(labelOf(comments[0]), 100);
  const { name } = fence.attributes;
  return typeof name === 'string' && name !== ''
    ? name
    : shorten(command.split('\n')[0]!.trim() || 'Untitled step', 100);
}

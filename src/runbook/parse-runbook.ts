import { type Block, readBlocks, walkBlocks } from './blocks.ts';
import { readChecks } from './checks.ts';
import { readFrontMatter } from './front-matter.ts';
import { findFrontMatter } from './front-matter-text.ts';
import { readHistory } from './history.ts';
import type { Diagnostic, Fence, Runbook } from './model.ts';
import { readSections, type SectionBlocks } from './sections.ts';
import { readSteps } from './steps.ts';
import { adoptSymptoms } from './symptoms.ts';
import { plainText, splitLines } from './text-lines.ts';

/**
 * Reads a runbook. Never throws: what is wrong in the text becomes `diagnostics`, and everything else
 * still loads. `source` is kept as it is.
 * @param file the path it came from; gives the default id and stands in messages
 */
export function parseRunbook(source: string, file: string): Runbook {
  const span = findFrontMatter(source);
  const { frontMatter, id, title, diagnostics } = readFrontMatter(span);
  const body = source.slice(span?.bodyStart ?? (source.startsWith('\uFEFF') ? 1 : 0));
  const firstLine = span?.bodyLine ?? 1;
  const blocks = readBlocks(body, firstLine);
  const lastLine = firstLine + splitLines(body).length - 1;
  const { sections, diagnostics: sectionProblems } = readSections(blocks, lastLine);
  const named = namedFences(sections);
  const undoNames = namesOfUndo(sections);
  const { checks, diagnostics: checkProblems } = readChecks(sections, undoNames);
  const { steps, diagnostics: stepProblems } = readSteps(sections, named, undoNames);
  const stem = fileStem(file);
  const heading = [...walkTitle(blocks)][0];
  return {
    file,
    id: id ?? stem,
    title: heading ?? title ?? id ?? stem,
    frontMatter,
    sections: sections.map(({ section }) => section),
    checks: adoptSymptoms(checks, sections),
    steps,
    history: readHistory(sections),
    diagnostics: inOrder([
      ...diagnostics,
      ...sectionProblems,
      ...checkProblems,
      ...stepProblems,
      ...strandedFences(blocks, sections),
    ]),
    source,
  };
}

/** The first heading of level 1 with words in it, without a leading `Runbook:`. */
function* walkTitle(blocks: readonly Block[]): Generator<string> {
  for (const block of blocks) {
    if (block.type !== 'heading' || block.level !== 1) continue;
    const title = plainText(block.text).replace(/^runbook\s*:\s*/i, '');
    if (title !== '') yield title;
  }
}

function fileStem(file: string): string {
  const name = file.split(/[\\/]/).at(-1)!;
  const stem = name.replace(/\.(?:md|markdown)$/i, '');
  return stem === '' ? 'runbook' : stem;
}

/** Every fence with a name; the first of a name wins, lint reports the others. */
function namedFences(sections: readonly SectionBlocks[]): Map<string, Fence> {
  const named = new Map<string, Fence>();
  for (const { section } of sections) {
    for (const fence of section.fences) {
      const { name } = fence.attributes;
      if (typeof name === 'string' && name !== '' && !named.has(name)) named.set(name, fence);
    }
  }
  return named;
}

function namesOfUndo(sections: readonly SectionBlocks[]): Set<string> {
  const names = sections.flatMap(({ section }) => section.fences.map(({ attributes }) => attributes['undo']));
  return new Set(names.filter((name) => typeof name === 'string'));
}

/** Blocks that would run, had they stood in a section that runs. */
function strandedFences(blocks: readonly Block[], sections: readonly SectionBlocks[]): Diagnostic[] {
  const placed = new Set(sections.flatMap(({ section }) => section.fences.map(({ line }) => line)));
  const message =
    'this block stands in none of the sections and is only shown; move it under Diagnosis, Remediation or Verify';
  return walkBlocks(blocks)
    .filter((block) => block.type === 'fence' && !placed.has(block.line) && block.fence.language !== null)
    .map(({ line }) => ({ rule: 'outside-sections', severity: 'info', line, message }));
}

function inOrder(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  const seen = new Set<string>();
  return diagnostics
    .filter(({ rule, line, message }) => {
      const key = `${rule}\n${line}\n${message}`;
      if (seen.has(key)) return false;
      seen.add(key);
      return true;
    })
    .toSorted((a, b) => a.line - b.line);
}

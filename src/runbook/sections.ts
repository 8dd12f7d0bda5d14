/** Which heading opens which section, and what belongs to it. */
import { type Block, type FenceBlock, walkBlocks } from './blocks.ts';
import type { Diagnostic, Fence, Section, SectionName } from './model.ts';
import { plainText } from './text-lines.ts';

const ALIASES: Readonly<Record<string, SectionName>> = {
  symptom: 'symptom',
  symptoms: 'symptom',
  meaning: 'symptom',
  impact: 'symptom',
  overview: 'symptom',
  'what is happening': 'symptom',
  "what's happening": 'symptom',
  diagnosis: 'diagnosis',
  diagnose: 'diagnosis',
  troubleshooting: 'diagnosis',
  investigation: 'diagnosis',
  'how do i confirm': 'diagnosis',
  'how do i confirm it': 'diagnosis',
  remediation: 'remediation',
  mitigation: 'remediation',
  resolution: 'remediation',
  fix: 'remediation',
  'how do i fix': 'remediation',
  'how do i fix it': 'remediation',
  verify: 'verify',
  verification: 'verify',
  'how do i verify': 'verify',
  'how do i verify it': 'verify',
  'how do i verify the fix': 'verify',
  escalation: 'escalation',
  drill: 'drill',
  history: 'history',
  changelog: 'history',
  'revision history': 'history',
};

/** A section with the blocks that make it up, in order. */
export interface SectionBlocks {
  readonly section: Section;
  readonly blocks: readonly Block[];
}

/** The section a heading opens: its words without numbering and closing punctuation, or what leads its colon. */
export function sectionName(heading: string): SectionName | null {
  const text = plainText(heading.slice(0, 200))
    .toLowerCase()
    .replace(/^[\d.)\s#]+/, '')
    .replaceAll('’', "'");
  for (const candidate of [text, text.split(/[:(–—]|\s-\s/)[0]!]) {
    const words = candidate.replace(/[^a-z']+/g, ' ').trim();
    if (Object.hasOwn(ALIASES, words)) return ALIASES[words]!;
  }
  return null;
}

/**
 * Cuts the document into sections. A section ends at the next heading of its level or above; deeper
 * headings belong to it. Two exceptions: within Symptom, whose aliases (Overview) often head a whole
 * page, and for Verify, whose commands must never be taken for steps, a deeper heading opens its own.
 */
export function readSections(
  blocks: readonly Block[],
  lastLine: number,
): { sections: SectionBlocks[]; diagnostics: Diagnostic[] } {
  const open: {
    name: SectionName;
    level: number;
    heading: string;
    line: number;
    blocks: Block[];
    end: number;
  }[] = [];
  const found: typeof open = [];
  for (const block of blocks) {
    if (block.type === 'heading') {
      while (open.length > 0 && open.at(-1)!.level >= block.level) open.pop()!.end = block.line - 1;
      const name = block.level >= 2 ? sectionName(block.text) : null;
      const around = open.at(-1);
      if (name !== null && (!around || opensInside(around.name, name))) {
        const section = {
          name,
          level: block.level,
          heading: plainText(block.text),
          line: block.line,
          blocks: [],
          end: lastLine,
        };
        open.push(section);
        found.push(section);
        continue;
      }
    }
    open.at(-1)?.blocks.push(block);
  }
  const diagnostics: Diagnostic[] = [];
  const sections = found.map(({ name, heading, line, end, blocks: own }) => ({
    section: toSection({ name, heading, line, endLine: end, fences: fencesOf(own, diagnostics) }, own),
    blocks: own,
  }));
  return { sections, diagnostics };
}

function opensInside(outer: SectionName, inner: SectionName): boolean {
  return outer !== inner && (outer === 'symptom' || inner === 'verify');
}

function fencesOf(blocks: readonly Block[], diagnostics: Diagnostic[]): Fence[] {
  const fences: Fence[] = [];
  for (const block of walkBlocks(blocks)) {
    if (block.type !== 'fence') continue;
    const { fence, diagnostics: own } = block;
    fences.push(fence);
    diagnostics.push(...own);
    if (!block.closed) diagnostics.push(unclosed(block));
  }
  return fences;
}

function unclosed(block: FenceBlock): Diagnostic {
  const message = `this fence is never closed and swallows the rest, up to line ${block.endLine}; close it with its own marker`;
  return { rule: 'unclosed-fence', severity: 'warning', line: block.line, message };
}

/** The section; its prose is made plain only when somebody reads it. */
function toSection(section: Omit<Section, 'prose'>, blocks: readonly Block[]): Section {
  let prose: Section['prose'] | null = null;
  return {
    ...section,
    get prose() {
      prose ??= proseOf(blocks);
      return prose;
    },
  };
}

function proseOf(blocks: readonly Block[]): { text: string; line: number }[] {
  const prose: { text: string; line: number }[] = [];
  for (const block of walkBlocks(blocks)) {
    if (block.type === 'paragraph') prose.push({ text: plainText(block.text), line: block.line });
  }
  return prose;
}

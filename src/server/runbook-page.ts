/** A runbook as a page that any browser shows, without scripts. Its text is its authors': no HTML of theirs is passed on. */
import MarkdownIt from 'markdown-it';
import { oneLine } from '../kernel/index.ts';
import type { Runbook } from '../runbook/index.ts';
import type { IncidentRecord } from '../store/index.ts';
import { escapeHtml, page } from './page.ts';

/** Links of schemes other than http, https and mailto are left as text by the library. */
const markdown = new MarkdownIt({ html: false, linkify: false });

export function runbookPage(runbook: Runbook, open: readonly IncidentRecord[]): string {
  const title = escapeHtml(oneLine(runbook.title, 200));
  return page(title, [
    incidentList(open),
    `<main>\n${markdown.render(withoutFrontMatter(runbook.source))}\n</main>`,
  ]);
}

function incidentList(open: readonly IncidentRecord[]): string {
  if (open.length === 0) return '<p>No incident of this runbook is open.</p>';
  const items = open.map(({ id, title, state, openedAt }) => {
    const since = new Date(openedAt).toISOString();
    const link = `<a href="/incidents/${encodeURIComponent(id)}">${escapeHtml(id)}</a>`;
    return `<li>${link} <strong>${escapeHtml(state)}</strong> since <time>${since}</time>: ${escapeHtml(oneLine(title, 200))}</li>`;
  });
  return `<section>\n<h2>Open incidents</h2>\n<ul>\n${items.join('\n')}\n</ul>\n</section>`;
}

function withoutFrontMatter(source: string): string {
  return source.replace(/^\uFEFF?---[ \t]*\r?\n[^]*?\r?\n(?:---|\.\.\.)[ \t]*(?:\r?\n|$)/, '');
}

/**
 * Draws docs/drill-FAILURE.svg from two recorded runs of its drill, and nothing else:
 *
 *   npx allclear drill session-storm --json > treated.json
 *   npx allclear drill session-storm --no-guard --json > untreated.json
 *   node scripts/drill-picture.ts treated.json untreated.json
 */
import { readFileSync, writeFileSync } from 'node:fs';
import type { DrillResult, UntreatedResult } from '../src/lab/index.ts';

const WIDTH = 760;
const HEIGHT = 300;
const LEFT = 56;
const RIGHT = 16;
const TOP = 40;
const BOTTOM = 44;
/** Colours that stand out on light and dark pages alike. */
const COLOUR = { treated: '#1a9850', untreated: '#d73027', ink: '#7a7a7a', mark: '#4575b4' };

/** What begins at 0 s. */
const WHAT_HAPPENS: Readonly<Record<string, string>> = {
  'session-storm': 'the server restarts',
  'token-refresh-cascade': 'tokens begin to expire together',
  'tool-timeout-spiral': 'the database is slow for 8 s',
};

export function drillPicture(treated: DrillResult, untreated: UntreatedResult): string {
  const seconds = Math.max(treated.connected.length, untreated.connected.length) - 1;
  const total = treated.clients.total;
  const x = (second: number) => LEFT + (second / seconds) * (WIDTH - LEFT - RIGHT);
  const y = (clients: number) => HEIGHT - BOTTOM - (clients / total) * (HEIGHT - TOP - BOTTOM);
  const line = (series: readonly number[]) =>
    series
      .map((clients, second) => `${x(second).toFixed(1)},${y(Math.min(clients, total)).toFixed(1)}`)
      .join(' ');
  const marks = (
    [
      ['alert and verdict', treated.seconds.toVerdict],
      ['fixed', treated.seconds.toFix],
      ['verified', treated.seconds.toVerified],
    ] as const
  ).filter((mark): mark is readonly [(typeof mark)[0], number] => mark[1] !== null);

  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, sans-serif" font-size="12">
<title>MCP clients with ${treated.words.having}, in seconds from the failure on</title>
${[0, 0.5, 1].map((share) => `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(share * total)}" y2="${y(share * total)}" stroke="${COLOUR.ink}" stroke-opacity="0.3"/><text x="${LEFT - 8}" y="${y(share * total) + 4}" text-anchor="end" fill="${COLOUR.ink}">${share * total}</text>`).join('\n')}
${ticks(seconds)
  .map(
    (second) =>
      `<text x="${x(second)}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle" fill="${COLOUR.ink}">${second} s</text>`,
  )
  .join('\n')}
${marks.map(([name, second], index) => `<line x1="${x(second)}" x2="${x(second)}" y1="${TOP}" y2="${HEIGHT - BOTTOM}" stroke="${COLOUR.mark}" stroke-dasharray="3 4"/><text x="${x(second) + 4}" y="${TOP + 12 + 14 * (index % 2)}" fill="${COLOUR.mark}">${name}</text>`).join('\n')}
<polyline fill="none" stroke="${COLOUR.untreated}" stroke-width="2" points="${line(untreated.connected)}"/>
<polyline fill="none" stroke="${COLOUR.treated}" stroke-width="2.5" points="${line(treated.connected)}"/>
<text x="${LEFT}" y="20" fill="${COLOUR.treated}">with the runbook</text>
<text x="${LEFT + 120}" y="20" fill="${COLOUR.untreated}">nothing done</text>
<text x="${WIDTH - RIGHT}" y="20" text-anchor="end" fill="${COLOUR.ink}">clients with ${treated.words.having}, of ${total}; ${WHAT_HAPPENS[treated.runbook] ?? 'the failure'} at 0 s</text>
</svg>
`;
}

function ticks(seconds: number): number[] {
  const step = seconds > 45 ? 10 : 5;
  return Array.from({ length: Math.floor(seconds / step) + 1 }, (_, index) => index * step);
}

if (import.meta.main) {
  const [treated, untreated] = process.argv
    .slice(2)
    .map((file) => JSON.parse(readFileSync(file, 'utf8')) as unknown) as [DrillResult, UntreatedResult];
  const file = new URL(`../docs/drill-${treated.runbook}.svg`, import.meta.url);
  writeFileSync(file, drillPicture(treated, untreated));
}

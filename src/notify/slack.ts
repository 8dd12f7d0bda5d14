/**
 * A notice as Slack's incoming webhooks take it (and what speaks the same: Mattermost, Rocket.Chat …).
 * Limits: https://docs.slack.dev/reference/block-kit/blocks. Its only button is a link: nothing can be approved
 * from a chat.
 */
import type { Notice } from './notice.ts';

const MAX_HEADER = 150;
const MAX_SECTION = 3_000;
const MAX_FIELD = 2_000;
const MAX_FALLBACK = 3_000;

type Block = Readonly<Record<string, unknown>>;

export interface SlackMessage {
  /** For notifications on a screen, and where blocks are not shown. */
  readonly text: string;
  readonly blocks: readonly Block[];
  readonly unfurl_links: false;
  readonly unfurl_media: false;
}

const SIGNS = {
  opened: ':rotating_light:',
  verdict: ':mag:',
  'approval-wanted': ':raised_hand:',
  'decision-wanted': ':raised_hand:',
  resolved: ':white_check_mark:',
  escalated: ':arrow_double_up:',
} as const;

const HEADINGS = {
  opened: 'Open',
  verdict: 'Verdict',
  'approval-wanted': 'Approval wanted',
  'decision-wanted': 'Somebody must decide',
  resolved: 'Resolved',
  escalated: 'Escalated',
} as const;

export function slackMessage(notice: Notice): SlackMessage {
  return {
    text: escapeTo(notice.text, MAX_FALLBACK),
    blocks: [
      {
        type: 'header',
        text: plain(`${HEADINGS[notice.about]}: ${notice.incident.title}`, MAX_HEADER),
      },
      { type: 'section', text: mrkdwn(`${SIGNS[notice.about]} ${escapeTo(notice.text, MAX_SECTION - 50)}`) },
      { type: 'section', fields: fields(notice).map((text) => mrkdwn(text)) },
      ...link(notice),
    ],
    unfurl_links: false,
    unfurl_media: false,
  };
}

function fields({ incident, approval }: Notice): string[] {
  const pairs: [string, string | null][] = [
    ['Severity', incident.severity],
    ['State', incident.state],
    ['Runbook', incident.runbook ?? 'none'],
    ['Alerts', String(incident.alerts)],
    ['Assignee', incident.assignee],
    ['Site', incident.site],
    ['Approvals', approval && `${approval.have} of ${approval.need} (${approval.risk})`],
  ];
  return pairs
    .filter((pair): pair is [string, string] => pair[1] !== null)
    .map(([name, value]) => `*${name}*\n${escapeTo(value, MAX_FIELD - 50)}`);
}

function link({ incident, about }: Notice): Block[] {
  if (incident.url === null) return [];
  const label = about === 'approval-wanted' ? 'Look and decide' : 'Look at the incident';
  return [{ type: 'actions', elements: [{ type: 'button', text: plain(label, 75), url: incident.url }] }];
}

/** Markup off, so nothing in it needs to be escaped. Slack counts UTF-16 code units. */
const plain = (text: string, max: number) => ({
  type: 'plain_text',
  text: text.length <= max ? text : `${whole(text.slice(0, max - 1))}…`,
  emoji: false,
});

/** `verbatim`: addresses and @names in it do not become links by themselves. */
const mrkdwn = (text: string) => ({ type: 'mrkdwn', text, verbatim: true });

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/** The text with Slack's three control characters escaped, of at most `max` characters; no entity is cut. */
export function escapeTo(text: string, max: number): string {
  let out = '';
  for (const char of text) {
    const escaped = ENTITIES[char] ?? char;
    if (out.length + escaped.length > max - 1) return `${out}…`;
    out += escaped;
  }
  return out;
}

/** Without half of a surrogate pair at its end. */
function whole(text: string): string {
  return /[\ud800-\udbff]$/.test(text) ? text.slice(0, -1) : text;
}

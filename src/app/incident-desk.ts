/** Incidents to look at and act on: those of a server, or those of the local store. */
import { type ActionKind, actionBodies, type IncidentSummary, type IncidentView } from '../engine/index.ts';
import { AllclearError, oneLine } from '../kernel/index.ts';
import type { Done, ToldEvent } from './api-client.ts';

/** Errors of all: those of the engine's `perform` and `viewIncident`; with a server those of `ApiClient` as well. */
export interface IncidentDesk {
  /** Newest first. */
  list(query: { openOnly: boolean; limit: number }): Promise<IncidentSummary[]>;
  view(id: string): Promise<IncidentView>;
  events(id: string): Promise<ToldEvent[]>;
  act(id: string, kind: ActionKind, body: object): Promise<Done>;
  /** Events after `after`, then those to come, until the connection or the signal ends. */
  follow(id: string, after: number): AsyncIterable<ToldEvent>;
}

export interface DeskPlace {
  /** '' or undefined: the local store. */
  readonly server: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Ends what is under way. */
  readonly signal: AbortSignal;
}

const LOOKED_AT = 200;

/**
 * The whole id of an incident that is named by its id, a beginning that only it has, or `last`.
 * @throws `E_NOT_FOUND`, `E_BAD_VALUE` when several begin so
 */
export async function wholeId(desk: IncidentDesk, given: string): Promise<string> {
  if (/^inc-[0-9a-z]{16}$/.test(given)) return given;
  const recent = await desk.list({ openOnly: false, limit: given === 'last' ? 1 : LOOKED_AT });
  const found = given === 'last' ? recent : recent.filter(({ id }) => given !== '' && id.startsWith(given));
  if (found.length === 1) return found[0]!.id;
  if (found.length === 0) {
    throw new AllclearError('E_NOT_FOUND', {
      what: `there is no incident "${oneLine(given, 60)}"`,
      next: 'List them with `allclear incidents`.',
    });
  }
  const some = found.slice(0, 3).map(({ id }) => id);
  throw new AllclearError('E_BAD_VALUE', {
    what: `more than one incident begins with "${oneLine(given, 60)}": ${some.join(', ')} …`,
    next: 'Give more of the id.',
  });
}

/** The body of an action, checked before anything is asked. @throws `E_USAGE` */
export function actionBody(kind: ActionKind, given: object): object {
  const read = actionBodies[kind].safeParse(given);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw new AllclearError('E_USAGE', {
    what: `${issue?.path.join('.') || kind}: ${issue?.message ?? 'not of the expected form'}`,
    next: `See \`allclear incidents ${kind === 'ad-hoc' ? 'ran' : kind} --help\`.`,
  });
}

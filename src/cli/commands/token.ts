/** `allclear token`: who may come in to the incident service. */
import { actorName, withHomeStore } from '../../app/home.ts';
import { isRole, makeToken, type Role, revokeToken, roles } from '../../engine/index.ts';
import { AllclearError, closest, formatDuration, oneLine, parseDuration } from '../../kernel/index.ts';
import { listTokens, type TokenRecord } from '../../store/index.ts';
import type { Io } from '../io.ts';
import { painter } from '../paint.ts';

interface CreateOptions {
  readonly owner: string;
  readonly role: string;
  readonly label: string;
  readonly expires: string;
  readonly json?: boolean;
}

const MAX_SECONDS = 10 * 365 * 86_400;

/** Prints the token on stdout, and everything else on stderr: `TOKEN=$(allclear token create …)`. */
export async function tokenCreateCommand(options: CreateOptions, io: Io): Promise<number> {
  const { owner, label, json } = options;
  const wish = { owner, label, role: roleOf(options.role), seconds: secondsOf(options.expires) };
  const { token, record } = await withHomeStore(io, (store) => makeToken(store, wish, actorName(io.env)));
  if (json) {
    io.out(`${JSON.stringify({ token, ...record }, null, 2)}\n`);
    return 0;
  }
  const until = record.expiresAt === null ? 'It never expires' : `It expires on ${dayOf(record.expiresAt)}`;
  io.out(`${token}\n`);
  io.err(
    `${record.id} for ${oneLine(record.owner, 40)}, ${record.role}. ${until}.\nKeep it now: it cannot be shown again.\n`,
  );
  return 0;
}

export async function tokenListCommand({ json }: { json?: boolean }, io: Io): Promise<number> {
  const { tokens, now } = await withHomeStore(io, async (store) => ({
    tokens: await listTokens(store.db),
    now: store.now(),
  }));
  io.out(json ? `${JSON.stringify(tokens, null, 2)}\n` : table(tokens, now, io));
  return 0;
}

export async function tokenRevokeCommand(id: string, { json }: { json?: boolean }, io: Io): Promise<number> {
  const token = await withHomeStore(io, (store) => revokeToken(store, id, actorName(io.env)));
  const by = `${oneLine(token.owner, 40)}, ${token.role}`;
  io.out(json ? `${JSON.stringify(token, null, 2)}\n` : `Revoked ${token.id} (${by}).\n`);
  return 0;
}

function roleOf(text: string): Role {
  const role = text.trim().toLowerCase();
  if (isRole(role)) return role;
  const near = closest(role, roles);
  throw new AllclearError('E_BAD_VALUE', {
    what: `there is no role "${oneLine(text, 40)}"`,
    next: near ? `Did you mean ${near}?` : `It is one of ${roles.join(', ')}.`,
  });
}

function secondsOf(text: string): number | null {
  if (text === 'never') return null;
  const seconds = parseDuration(text);
  if (seconds !== undefined && seconds >= 1 && seconds <= MAX_SECONDS) return seconds;
  throw new AllclearError('E_BAD_VALUE', {
    what: `--expires cannot be "${oneLine(text, 40)}"`,
    next: 'It takes a duration up to 3650d, for example 90d or 12h, or never.',
  });
}

/** Id 20, role 9, validity 10, used 10, and owner with label in what is left of 80. */
function table(tokens: readonly TokenRecord[], now: number, io: Io): string {
  if (tokens.length === 0) return 'No tokens. `allclear token create --owner YOU --role admin` makes one.\n';
  const head = row('TOKEN', 'ROLE', 'VALID', 'USED', 'OWNER');
  const rows = tokens.map((token) => {
    const { id, role, owner, label, usedAt } = token;
    const used = usedAt === null ? 'never' : `${short(now - usedAt)} ago`;
    const line = row(id, role, validity(token, now), used, label === '' ? owner : `${owner} (${label})`);
    return isValid(token, now) ? line : painter(io)('dim', line);
  });
  return `${[painter(io)('dim', head), ...rows].join('\n')}\n`;
}

function row(id: string, role: string, valid: string, used: string, owner: string): string {
  return `${id.padEnd(20)}  ${role.padEnd(9)}  ${valid.padEnd(8)}  ${used.padEnd(10)}  ${oneLine(owner, 25)}`.trimEnd();
}

function isValid({ revokedAt, expiresAt }: TokenRecord, now: number): boolean {
  return revokedAt === null && (expiresAt === null || expiresAt > now);
}

function validity({ revokedAt, expiresAt }: TokenRecord, now: number): string {
  if (revokedAt !== null) return 'revoked';
  if (expiresAt === null) return 'for ever';
  return expiresAt <= now ? 'expired' : short(expiresAt - now);
}

/** `90 d`, `3 h`: its first unit is enough. */
function short(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds >= 2 * 86_400) return `${Math.round(seconds / 86_400)} d`;
  return formatDuration(seconds).split(' ').slice(0, 2).join(' ');
}

function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}

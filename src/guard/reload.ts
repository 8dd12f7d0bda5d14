/** Settings that are read anew while the guard runs. */
import { AllclearError, toAllclearError } from '../kernel/index.ts';
import type { LeverDesk, LeverSettings, Reconfigured } from './levers/desk.ts';
import type { Driver } from './levers/driver.ts';
import { Serial } from './levers/serial.ts';
import type { Log } from './log.ts';
import { type Certificate, checkCertificate } from './tls.ts';

const MAX_WAITING = 8;

/** What a running guard can be given anew. */
export interface GuardSettings {
  /** URLs of the upstreams: the base of the lever UPSTREAMS. */
  readonly upstreams: readonly string[];
  /** Values of the levers at start, by name, as in the environment. */
  readonly levers?: Readonly<Record<string, string | undefined>>;
  /** Levers that commands move. */
  readonly drivers?: readonly Driver[];
  /** The certificate of the traffic listeners: they then speak HTTPS only. */
  readonly tls?: Certificate | undefined;
}

/** What a reload changed. */
export interface Reloaded extends Reconfigured {
  /** New connections get another certificate. */
  readonly certificate: boolean;
}

export type Reload = (by: string) => Promise<Reloaded>;

interface Reloadable {
  readonly tls?: Certificate | undefined;
  readonly reread?: (() => Promise<GuardSettings>) | undefined;
  readonly log?: Log;
}

/**
 * What `Guard.reload` is: one at a time, each logged with what it changed or why it was refused.
 * @param renew takes a certificate that has been checked
 */
export function reloader(
  desk: LeverDesk,
  { tls, reread, log }: Reloadable,
  renew: (certificate: Certificate) => void,
): Reload {
  const serial = new Serial(MAX_WAITING);
  let current = tls;
  const reload = async (): Promise<Reloaded> => {
    if (!reread) throw nothingToRead();
    const settings = await reread();
    const next = current && settings.tls && checkCertificate(settings.tls);
    const levers = desk.reconfigure(leverSettings(settings));
    const certificate = next !== undefined && (next.cert !== current?.cert || next.key !== current.key);
    if (certificate) renew(next);
    current = next ?? current;
    return { ...levers, certificate };
  };
  return (by) =>
    serial.run(async () => {
      try {
        const changed = await reload();
        log?.({ event: 'reloaded', by, changed: inWords(changed) });
        return changed;
      } catch (error) {
        log?.({ event: 'reload-refused', by, why: toAllclearError(error).message });
        throw error;
      }
    });
}

export function leverSettings({ upstreams, levers, drivers }: GuardSettings): LeverSettings {
  return { base: { ...levers, UPSTREAMS: upstreams.join(',') }, drivers: drivers ?? [] };
}

function off(value: string): string {
  return value === '' ? 'off' : value;
}

function inWords({ bases, drivers, certificate }: Reloaded): string {
  const words = [
    ...bases.map(
      ({ name, from, to, held }) => `${name} ${off(from)} → ${off(to)}${held ? ' (held: later)' : ''}`,
    ),
    ...drivers.map((name) => `driver of ${name}`),
    ...(certificate ? ['the certificate'] : []),
  ];
  return words.length === 0 ? 'nothing' : words.join('; ');
}

function nothingToRead(): AllclearError {
  return new AllclearError('E_USAGE', {
    what: 'this guard was started without a configuration file, and there is nothing to read anew',
    next: 'Start it with --config FILE; single values are moved with `allclear lever set`.',
  });
}

/** Settings that are read anew while the guard runs. */
import { AllclearError, toAllclearError } from '../kernel/index.ts';
import type { LeverDesk, LeverSettings, Reconfigured } from './levers/desk.ts';
import type { Driver } from './levers/driver.ts';
import { Serial } from './levers/serial.ts';
import type { Log } from './log.ts';

const MAX_WAITING = 8;

/** What a running guard can be given anew. */
export interface GuardSettings {
  /** URLs of the upstreams: the base of the lever UPSTREAMS. */
  readonly upstreams: readonly string[];
  /** Values of the levers at start, by name, as in the environment. */
  readonly levers?: Readonly<Record<string, string | undefined>>;
  /** Levers that commands move. */
  readonly drivers?: readonly Driver[];
}

interface Reloadable {
  readonly reread?: () => Promise<GuardSettings>;
  readonly log?: Log;
}

/** What `Guard.reload` is: one at a time, each logged with what it changed or why it was refused. */
export function reloader(
  desk: LeverDesk,
  { reread, log }: Reloadable,
): (by: string) => Promise<Reconfigured> {
  const serial = new Serial(MAX_WAITING);
  return (by) =>
    serial.run(async () => {
      try {
        if (!reread) throw nothingToRead();
        const changed = desk.reconfigure(leverSettings(await reread()));
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

function inWords({ bases, drivers }: Reconfigured): string {
  const off = (value: string) => (value === '' ? 'off' : value);
  const words = [
    ...bases.map(
      ({ name, from, to, held }) => `${name} ${off(from)} → ${off(to)}${held ? ' (held: later)' : ''}`,
    ),
    ...drivers.map((name) => `driver of ${name}`),
  ];
  return words.length === 0 ? 'nothing' : words.join('; ');
}

function nothingToRead(): AllclearError {
  return new AllclearError('E_USAGE', {
    what: 'this guard was started without a configuration file, so there is nothing to read anew',
    next: 'Start it with --config FILE; single values are moved with `allclear lever set`.',
  });
}

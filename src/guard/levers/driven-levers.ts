/** The levers that commands move: found by name, read now and then, returned when their time ends. */
import { AllclearError } from '../../kernel/index.ts';
import type { LeverChange } from '../policy/lever-hold.ts';
import { keyText, type LeverKey, notPerTool } from '../policy/lever-key.ts';
import type { LeverBase } from '../policy/lever-model.ts';
import { DrivenLever } from './driven-lever.ts';
import type { DrivenLeverState, DrivenPort } from './driven-model.ts';
import type { Driver } from './driver.ts';
import { Serial } from './serial.ts';
import type { KeptLever } from './state-file.ts';

const MAX_WAITING = 16;
const MAX_TOOLS = 100;

/** All of one name: the lever itself, and those of single tools. Their commands never run side by side. */
interface Family {
  driver: Driver;
  readonly serial: Serial;
  readonly levers: Map<string, DrivenLever>;
  cancelLook: () => void;
}

export class DrivenLevers {
  readonly #port: DrivenPort;
  readonly #families = new Map<string, Family>();
  #base: LeverBase = {};

  constructor(port: DrivenPort) {
    this.#port = port;
  }

  get names(): readonly string[] {
    return [...this.#families.keys()];
  }

  has(name: string): boolean {
    return this.#families.has(name);
  }

  /**
   * Whether these drivers can take the place of the ones there are: who is held keeps its driver.
   * @throws AllclearError `E_BAD_VALUE` for a base that the lever does not take, `E_TRANSITION` for a held lever
   */
  check(drivers: readonly Driver[], base: LeverBase): void {
    for (const driver of drivers) {
      for (const [key, value] of Object.entries(base)) {
        if (value !== undefined && nameOf(key) === driver.name) driver.parse(value);
      }
    }
    const names = new Set(drivers.map(({ name }) => name));
    const orphan = this.#all().find((lever) => lever.held && !names.has(lever.key.name));
    if (orphan) {
      throw new AllclearError('E_TRANSITION', {
        what: `${keyText(orphan.key)} is held, and the configuration no longer says how it is given back`,
        next: `Give it back first: allclear lever reset '${keyText(orphan.key)}'`,
      });
    }
  }

  /**
   * These drivers from now on. They have passed `check`. Values begin to be read.
   * @returns the names of those that are not as they were
   */
  configure(drivers: readonly Driver[], base: LeverBase): readonly string[] {
    const before = this.#described();
    this.#base = base;
    const names = new Set(drivers.map(({ name }) => name));
    for (const [name, family] of this.#families) {
      family.cancelLook();
      if (!names.has(name)) this.#families.delete(name);
    }
    for (const driver of drivers) {
      const family = this.#families.get(driver.name) ?? {
        driver,
        serial: new Serial(MAX_WAITING),
        levers: new Map<string, DrivenLever>(),
        cancelLook: () => {},
      };
      family.driver = driver;
      this.#families.set(driver.name, family);
      for (const lever of family.levers.values()) lever.configure(driver, this.#baseOf(lever.key));
      this.#keep(family, { name: driver.name, tool: null });
      for (const [key, value] of Object.entries(base)) {
        if (value !== undefined && key !== driver.name && nameOf(key) === driver.name) {
          this.#keep(family, { name: driver.name, tool: key.slice(driver.name.length + 1, -1) });
        }
      }
      this.#look(family);
    }
    const now = this.#described();
    return [...new Set([...before.keys(), ...now.keys()])].filter(
      (name) => before.get(name) !== now.get(name),
    );
  }

  list(): readonly DrivenLeverState[] {
    return this.#all().map((lever) => lever.state);
  }

  kept(): readonly KeptLever[] {
    return this.#all().flatMap((lever) => lever.kept ?? []);
  }

  /** Errors: `E_BAD_VALUE` (not to be set per tool). */
  get(key: LeverKey): DrivenLeverState {
    return this.#find(key).state;
  }

  /** Errors: as `DrivenLever.set`, and `E_LIMIT` for too many tools. */
  async set(key: LeverKey, change: LeverChange): Promise<DrivenLeverState> {
    const family = this.#families.get(key.name)!;
    const lever = this.#find(key);
    this.#forget(family);
    if (!family.levers.has(keyText(key)) && family.levers.size > MAX_TOOLS) {
      throw new AllclearError('E_LIMIT', {
        what: `${MAX_TOOLS} levers of single tools with the name ${key.name} are held`,
        next: 'Reset some of them, or set the lever for all tools.',
      });
    }
    family.levers.set(keyText(key), lever);
    return lever.set(change);
  }

  /** Errors: `E_LEVER_FAILED`; it is tried again by itself. */
  reset(key: LeverKey, actor: string): Promise<DrivenLeverState> {
    return this.#find(key).giveBack('lever-reset', actor, 'reset');
  }

  /** Gives back what the incident holds, side by side; a failure shows in the lever's state. */
  async release(incident: string, actor: string): Promise<readonly DrivenLeverState[]> {
    const held = this.#all().filter((lever) => lever.incident === incident);
    const why = `incident ${incident} is over`;
    await Promise.allSettled(held.map((lever) => lever.giveBack('lever-released', actor, why)));
    return held.map((lever) => lever.state);
  }

  /** Takes up what was kept before a restart. Errors: `E_BAD_VALUE` when it takes no such value any more. */
  resume(key: LeverKey, kept: KeptLever): DrivenLeverState {
    const lever = this.#find(key);
    lever.resume(kept);
    this.#families.get(key.name)!.levers.set(keyText(key), lever);
    void lever.look().catch(() => {});
    return lever.state;
  }

  /** Stops the timers, and waits for commands that the port's signal has stopped. */
  async close(): Promise<void> {
    for (const family of this.#families.values()) {
      family.cancelLook();
      for (const lever of family.levers.values()) lever.close();
    }
    await Promise.all([...this.#families.values()].map(({ serial }) => serial.settled()));
    for (const lever of this.#all()) lever.close();
  }

  #all(): readonly DrivenLever[] {
    return [...this.#families.values()].flatMap(({ levers }) => [...levers.values()]);
  }

  /** All that is configured, by name, as text to compare. */
  #described(): Map<string, string> {
    const bases = Object.entries(this.#base);
    return new Map(
      [...this.#families.values()].map(({ driver }) => {
        const own = bases.filter(([key]) => nameOf(key) === driver.name);
        return [driver.name, JSON.stringify([driver, driver.parse.toString(), own])];
      }),
    );
  }

  #baseOf(key: LeverKey): string | null {
    const value = this.#base[keyText(key)];
    return value === undefined ? null : this.#families.get(key.name)!.driver.parse(value);
  }

  /** The lever; a new one, not yet kept, for a tool that has none. */
  #find(key: LeverKey): DrivenLever {
    const family = this.#families.get(key.name)!;
    const { driver, serial, levers } = family;
    if (key.tool !== null && !driver.perTool) throw notPerTool(key.name);
    const known = levers.get(keyText(key));
    return known ?? new DrivenLever(this.#port, driver, key, this.#baseOf(key), serial);
  }

  #keep(family: Family, key: LeverKey): void {
    if (!family.levers.has(keyText(key))) family.levers.set(keyText(key), this.#find(key));
  }

  #forget(family: Family): void {
    for (const [key, lever] of family.levers) {
      if (lever.idle) family.levers.delete(key);
    }
  }

  /** Reads all of a family, now and then again. */
  #look(family: Family): void {
    const round = async () => {
      if (family.serial.idle) this.#forget(family);
      for (const lever of family.levers.values()) await lever.look();
    };
    void round().catch(() => {});
    family.cancelLook = this.#port.clock.after(family.driver.everySeconds * 1000, () => this.#look(family));
  }
}

function nameOf(key: string): string {
  const open = key.indexOf('[');
  return open < 0 ? key : key.slice(0, open);
}

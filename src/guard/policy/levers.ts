/**
 * The built-in levers and who holds them. A live change has an actor, a reason and an end; then the lever
 * goes back to its **base**, the value it was configured with. A change on top of a change keeps that base.
 * The lever of one tool has a base of its own, or **inherits**: it goes back to what counts for all tools.
 */
import { AllclearError, type Clock } from '../../kernel/index.ts';
import { type LeverName, leverDefinitions, leverNames } from './lever-definitions.ts';
import { Hold, type HoldRecord, heldOf, type LeverChange, needed, newHold } from './lever-hold.ts';
import { builtIn, keyText, type LeverKey, parseKey } from './lever-key.ts';
import type { HeldLever, LeverBase, LeverEvent, LeverState, Rebased } from './lever-model.ts';
import { type LeverValues, leverValues } from './lever-values.ts';

/** Levers of single tools that are set or held at once. */
const MAX_TOOL_LEVERS = 1000;

interface Slot {
  readonly name: LeverName;
  readonly tool: string | null;
  /** Null: of one tool, and inheriting. */
  base: string | null;
  hold: Hold | null;
}

export class LeverBoard {
  readonly #clock: Clock;
  /** All levers without a tool, and those of tools that are set or held, by `keyText`. */
  readonly #slots = new Map<string, Slot>();
  readonly #onChange: (event: LeverEvent) => void;
  #values: LeverValues;

  /**
   * @param base values at start by name; missing ones are unset, or inherit
   * @param onChange called after every change that took effect
   * @throws AllclearError `E_BAD_VALUE` for a bad base value, `E_NOT_FOUND`, `E_LIMIT`
   */
  constructor(clock: Clock, base: LeverBase, onChange: (event: LeverEvent) => void) {
    this.#clock = clock;
    this.#onChange = onChange;
    for (const [key, value] of readBase(base)) this.#slots.set(key, { ...value, hold: null });
    this.#values = this.#read();
  }

  /** The values in force. Read on the hot path. */
  get values(): LeverValues {
    return this.#values;
  }

  /** Every lever, and after each those of single tools that are set or held. */
  list(): readonly LeverState[] {
    return [...this.#slots.values()].toSorted(inOrder).map((slot) => this.#state(slot));
  }

  /** @throws AllclearError `E_NOT_FOUND` (no such lever), `E_BAD_VALUE` */
  get(name: string): LeverState {
    return this.#state(this.#find(name));
  }

  /** @throws AllclearError `E_NOT_FOUND` (no such lever), `E_BAD_VALUE`, `E_LIMIT` (too many tools) */
  set(name: string, change: LeverChange): LeverState {
    const slot = this.#find(name);
    const value = leverDefinitions[slot.name].parse(change.value);
    const record = newHold(this.#clock, change, value);
    this.#makeRoom(slot);
    const from = this.#text(slot);
    this.#hold(slot, record);
    this.#changed({
      ...pick(record),
      event: 'lever-set',
      at: record.setAt,
      name: keyText(slot),
      from,
      to: value,
    });
    return this.#state(slot);
  }

  /** Gives the lever back to its base at once. @throws AllclearError `E_NOT_FOUND`, `E_BAD_VALUE` */
  reset(name: string, actor: string): LeverState {
    const slot = this.#find(name);
    const by = needed('actor', actor);
    if (slot.hold) this.#toBase(slot, 'lever-reset', by, 'reset');
    return this.#state(slot);
  }

  /** Gives back every lever that is held for this incident; returns those. */
  release(incident: string, actor: string): readonly LeverState[] {
    const by = needed('actor', actor);
    const id = needed('incident', incident);
    const held = [...this.#slots.values()].filter((slot) => slot.hold?.record.incident === id);
    for (const slot of held) this.#toBase(slot, 'lever-released', by, `incident ${id} is over`);
    return held.toSorted(inOrder).map((slot) => this.#state(slot));
  }

  /** All that is held, to be kept over a restart. */
  held(): readonly HeldLever[] {
    return [...this.#slots.values()].flatMap((slot) =>
      slot.hold ? [{ name: keyText(slot), hold: slot.hold.record }] : [],
    );
  }

  /**
   * Takes up a hold from before a restart, as if it had never been interrupted. It must not have ended.
   * @throws AllclearError when there is no such lever any more, or it takes no such value
   */
  resume({ name, hold }: HeldLever): LeverState {
    const slot = this.#find(name);
    const value = leverDefinitions[slot.name].parse(hold.value);
    this.#makeRoom(slot);
    this.#hold(slot, { ...hold, value });
    this.#values = this.#read();
    return this.#state(slot);
  }

  /**
   * Another configuration: levers that nobody holds take their new base at once, held ones when the hold ends.
   * @returns the levers whose base is another one now
   * @throws AllclearError as the constructor; then nothing has changed
   */
  rebase(base: LeverBase, actor: string): readonly Rebased[] {
    const wanted = readBase(base);
    for (const [key, slot] of this.#slots) {
      if (!wanted.has(key) && slot.base !== null) wanted.set(key, { ...slot, base: null });
    }
    const changes: { key: string; slot: Slot; before: LeverState; base: string | null }[] = [];
    for (const [key, { name, tool, base: next }] of wanted) {
      const slot = this.#slots.get(key) ?? { name, tool, base: null, hold: null };
      if (slot.base !== next) changes.push({ key, slot, before: this.#state(slot), base: next });
    }
    for (const { key, slot, base: next } of changes) {
      slot.base = next;
      this.#slots.set(key, slot);
      this.#forget(slot);
    }
    return changes.map(({ slot, before }) => {
      const { name, value, base: to, held } = this.#state(slot);
      if (value !== before.value) {
        const why = { actor, reason: 'the configuration changed', incident: null, until: null };
        this.#changed({
          ...why,
          event: 'lever-rebased',
          at: this.#clock.now(),
          name,
          from: before.value,
          to: value,
        });
      }
      return { name, from: before.base, to, held: held !== null };
    });
  }

  /** Stops the timers. */
  close(): void {
    for (const slot of this.#slots.values()) slot.hold?.cancel();
  }

  /** The lever's slot; a new one, not yet kept, for a tool that has none. */
  #find(text: string): Slot {
    const key = parseKey(text);
    builtIn(key);
    const name = key.name as LeverName;
    return this.#slots.get(keyText(key)) ?? { name, tool: key.tool, base: null, hold: null };
  }

  /** @throws AllclearError `E_LIMIT` */
  #makeRoom(slot: Slot): void {
    if (this.#slots.has(keyText(slot))) return;
    if (this.#slots.size >= leverNames.length + MAX_TOOL_LEVERS) throw tooMany();
  }

  #hold(slot: Slot, record: HoldRecord): void {
    slot.hold?.cancel();
    const hold = new Hold(this.#clock, record, () => {
      this.#toBase(slot, 'lever-expired', record.actor, `time to live ended (${record.reason})`);
    });
    slot.hold = hold;
    this.#slots.set(keyText(slot), slot);
  }

  #toBase(slot: Slot, event: LeverEvent['event'], actor: string, reason: string): void {
    const from = this.#text(slot);
    const incident = slot.hold?.record.incident ?? null;
    slot.hold?.cancel();
    slot.hold = null;
    this.#forget(slot);
    const to = this.#text(slot);
    this.#changed({
      event,
      at: this.#clock.now(),
      name: keyText(slot),
      from,
      to,
      actor,
      reason,
      incident,
      until: null,
    });
  }

  /** A tool's lever that is neither set nor held is no entry. */
  #forget(slot: Slot): void {
    if (slot.tool !== null && slot.base === null && slot.hold === null) this.#slots.delete(keyText(slot));
  }

  #changed(event: LeverEvent): void {
    this.#values = this.#read();
    this.#onChange(event);
  }

  #state(slot: Slot): LeverState {
    const inherits = slot.base === null;
    const base = slot.base ?? this.#inherited(slot);
    return { name: keyText(slot), value: this.#text(slot), base, inherits, held: heldOf(slot.hold) };
  }

  #text(slot: Slot): string {
    return slot.hold?.record.value ?? slot.base ?? this.#inherited(slot);
  }

  #inherited({ name }: Slot): string {
    const all = this.#slots.get(name)!;
    return all.hold?.record.value ?? all.base!;
  }

  #read(): LeverValues {
    const tools = new Set<string>();
    for (const { tool } of this.#slots.values()) if (tool !== null) tools.add(tool);
    const read = (name: LeverName, tool: string | null) =>
      this.#text(this.#slots.get(keyText({ name, tool })) ?? this.#slots.get(name)!);
    return leverValues(read, tools);
  }
}

/** Every lever without a tool, and the tools' that have a base. */
function readBase(base: LeverBase): Map<string, Omit<Slot, 'hold'>> {
  const slots = new Map<string, Omit<Slot, 'hold'>>();
  for (const name of leverNames) {
    const { parse, unset } = leverDefinitions[name];
    slots.set(name, { name, tool: null, base: parse(base[name] ?? unset) });
  }
  for (const [text, value] of Object.entries(base)) {
    if (value === undefined || slots.has(text)) continue;
    const key = parseKey(text);
    const { parse } = builtIn(key);
    slots.set(text, { name: key.name as LeverName, tool: key.tool, base: parse(value) });
  }
  if (slots.size > leverNames.length + MAX_TOOL_LEVERS) throw tooMany();
  return slots;
}

function tooMany(): AllclearError {
  return new AllclearError('E_LIMIT', {
    what: `${MAX_TOOL_LEVERS} levers of single tools are set or held`,
    next: 'Reset some of them, or set the lever for all tools.',
  });
}

function inOrder(a: LeverKey, b: LeverKey): number {
  const difference = leverNames.indexOf(a.name as LeverName) - leverNames.indexOf(b.name as LeverName);
  if (difference !== 0) return difference;
  return (a.tool ?? '') < (b.tool ?? '') ? -1 : 1;
}

function pick(hold: HoldRecord): Pick<LeverEvent, 'actor' | 'reason' | 'incident' | 'until'> {
  return { actor: hold.actor, reason: hold.reason, incident: hold.incident, until: hold.until };
}

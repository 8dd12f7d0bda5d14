/** Whatever people, agents, workers and time do to an incident, in any order: what must always hold. */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { AllclearError } from '../../kernel/index.ts';
import { findIncident, findWork, listEvents } from '../../store/index.ts';
import type { Action } from '../actions.ts';
import type { Actor } from '../actor.ts';
import { readState } from '../incident.ts';
import { personOf } from '../progress.ts';
import { replayState } from '../replay.ts';
import { readTimeline, type TimelineEvent } from '../timeline.ts';
import { perform } from './perform.ts';
import {
  ada,
  alert,
  bob,
  concluded,
  ended,
  hashOf,
  open,
  person,
  standing,
  storm,
  sweep,
  type TestDesk,
  take,
  testDesk,
  verified,
} from './testing.ts';
import { readWaiting } from './waiting.ts';

const APPROVAL_MS = 900_000;
const NEED: Readonly<Record<number, number>> = { 1: 2, 2: 1, 4: 1 };
const BOOK = `# Runbook: Storm

## Diagnosis

\`\`\`bash {"name":"rate","normal":"value < 1.0"}
echo 2
\`\`\`

## Remediation

1. **Restart**

   \`\`\`bash {"risk":"disruptive"}
   true
   \`\`\`

2. **Pace**

   \`\`\`bash
   true
   \`\`\`

   \`\`\`bash
   echo second
   \`\`\`

3. **Call the owner**

4. **Look**

   \`\`\`bash {"risk":"safe"}
   true
   \`\`\`

## Verify

\`\`\`bash {"name":"rate-again","normal":"value < 1.0"}
echo 0
\`\`\`
`;

const step = fc.integer({ min: 1, max: 5 });
const able = fc.constantFrom<Actor>(ada, person(' ADA '), bob, person('carol', 'admin', 'login'));
const who = fc.oneof(
  { weight: 5, arbitrary: able },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      person('vera', 'viewer'),
      person('rob', 'responder'),
      person('bot', 'admin', 'agent'),
    ),
  },
);
const ROOT: Actor = { name: 'root', role: 'admin', via: 'token' };
const plain = fc.oneof(
  fc.record({
    kind: fc.constantFrom('skip' as const, 'reopen' as const, 'propose' as const),
    step,
    why: fc.constant('so'),
  }),
  fc.record({ kind: fc.constant('withdraw' as const), step }),
  fc.record({
    kind: fc.constant('decide' as const),
    step,
    decision: fc.constantFrom('done', 'again', 'skip'),
  }),
  fc.record({
    kind: fc.constant('report' as const),
    step,
    outcome: fc.constantFrom('done', 'skipped'),
    note: fc.constant(''),
  }),
  fc.record({ kind: fc.constantFrom('diagnose' as const, 'verify' as const) }),
  fc.record({ kind: fc.constantFrom('escalate' as const, 'close' as const), why: fc.constant('so') }),
  fc.constant({ kind: 'note' as const, text: 'hm' }),
) as fc.Arbitrary<Action>;

type Command =
  | { readonly do: 'act'; readonly actor: Actor; readonly action: Action }
  | {
      readonly do: 'approve';
      readonly actor: Actor;
      readonly step: number;
      readonly hash: 'now' | 'old' | 'none';
    }
  | { readonly do: 'go-on'; readonly actor: Actor }
  | { readonly do: 'take' | 'die' | 'alert' | 'resolve' }
  | {
      readonly do: 'outcome';
      readonly good: boolean;
      readonly verdict: 'confirmed' | 'inconclusive' | 'ruled-out';
    }
  | { readonly do: 'wait'; readonly ms: number };

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ do: fc.constant('act' as const), actor: who, action: plain }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('approve' as const),
      actor: who,
      step,
      hash: fc.constantFrom('now' as const, 'old' as const, 'none' as const),
    }),
  },
  { weight: 12, arbitrary: fc.record({ do: fc.constant('go-on' as const), actor: who }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('take' as const) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('outcome' as const),
      good: fc.constantFrom(true, true, true, false),
      verdict: fc.constantFrom(
        'confirmed' as const,
        'confirmed' as const,
        'inconclusive' as const,
        'ruled-out' as const,
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('die' as const, 'alert' as const, 'resolve' as const) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.constantFrom(1, 500_000, 900_000),
    }),
  },
);

/** What the test itself knows of approvals, from what was answered to those who gave them. */
interface Word {
  readonly step: number;
  readonly by: string;
  readonly at: number;
}

class World {
  readonly desk: TestDesk;
  readonly incident: string;
  words: Word[] = [];
  /** That were accepted, each with its step. */
  readonly hashes = new Map<string, number>();
  /** Of runs that are over. */
  readonly dead = new Set<string>();
  seen = 0;

  constructor(desk: TestDesk, incident: string) {
    this.desk = desk;
    this.incident = incident;
  }

  async run(next: Command): Promise<void> {
    const { desk, incident } = this;
    switch (next.do) {
      case 'act':
        return this.act(next.actor, next.action);
      case 'approve':
        return this.approve(next.actor, next.step, next.hash);
      case 'go-on':
        return this.goOn(next.actor);
      case 'take':
        await take(desk);
        return;
      case 'die':
        // Its worker has fallen silent.
        desk.clock.jump(6_000);
        await sweep(desk);
        return;
      case 'wait':
        desk.clock.jump(next.ms);
        return;
      case 'alert':
      case 'resolve':
        return alert(desk, incident, next.do === 'alert' ? 'firing' : 'resolved');
      case 'outcome': {
        if ((await standing(desk, incident)).steps.some(({ state }) => state === 'running')) {
          await ended(desk, incident, next.good ? 'succeeded' : 'failed');
          return;
        }
        const work = await findWork(desk.store.db, incident);
        if (work?.state !== 'taken') return;
        if (work.kind === 'diagnose') await concluded(desk, work, next.verdict);
        if (work.kind === 'verify') await verified(desk, work, next.good);
      }
    }
  }

  /** What the incident asks for, done by somebody who may or may not be allowed to. */
  async goOn(actor: Actor): Promise<void> {
    const waiting = readWaiting((await findIncident(this.desk.store.db, this.incident))!.waiting);
    switch (waiting?.kind) {
      case 'begin':
      case 'approval': {
        const index = waiting.kind === 'begin' ? waiting.next?.step : waiting.step;
        return index === undefined ? undefined : this.approve(actor, index, 'now');
      }
      case 'manual':
        return this.act(actor, { kind: 'report', step: waiting.step, outcome: 'done', note: '' });
      case 'decision':
        return this.act(actor, { kind: 'decide', step: waiting.step, decision: 'again' });
      default:
        return undefined;
    }
  }

  async approve(actor: Actor, index: number, which: 'now' | 'old' | 'none'): Promise<void> {
    const { desk, incident } = this;
    const now = await hashOf(desk, incident, Math.min(index, 4));
    const hash =
      which === 'now' ? now : which === 'old' ? ([...this.hashes.keys()].at(-1) ?? now) : 'f'.repeat(64);
    if (await this.tried(actor, { kind: 'approve', step: index, hash })) {
      expect(hash).toBe(now);
      expect(this.dead).not.toContain(hash);
      expect(actor.via).not.toBe('agent');
      expect(['approver', 'admin']).toContain(actor.role);
      this.words.push({ step: index, by: personOf(actor.name), at: desk.store.now() });
      this.hashes.set(hash, index);
    }
  }

  async act(actor: Actor, action: Action): Promise<void> {
    if (!(await this.tried(actor, action))) return;
    expect(actor.role).not.toBe('viewer');
    if (actor.via === 'agent') expect(['diagnose', 'note', 'propose']).toContain(action.kind);
    if (action.kind === 'withdraw') {
      this.words = this.words.filter(({ step: of, by }) => of !== action.step || by !== personOf(actor.name));
    }
  }

  async tried(actor: Actor, action: Action): Promise<boolean> {
    try {
      await perform(this.desk, this.incident, actor, action);
      return true;
    } catch (error) {
      expect(error).toBeInstanceOf(AllclearError);
      expect([
        'E_FORBIDDEN',
        'E_NOT_FOUND',
        'E_TRANSITION',
        'E_APPROVAL_STALE',
        'E_STEP_BUSY',
        'E_STEP_UNDECIDED',
      ]).toContain((error as AllclearError).code);
      return false;
    }
  }

  /** Holds what is in the store against what must be. */
  async check(): Promise<void> {
    const { desk, incident } = this;
    const record = (await findIncident(desk.store.db, incident))!;
    const events = readTimeline(await listEvents(desk.store.db, incident));
    const work = await findWork(desk.store.db, incident);
    expect(replayState(events)).toEqual(readState(record.snapshot, incident));
    if (work) expect(record.waiting).toBeNull();
    const running = (await standing(desk, incident)).steps.filter(({ state }) => state === 'running');
    expect(running.length).toBeLessThanOrEqual(1);
    if (running[0]) expect(work === null || (work.kind === 'step' && work.state === 'taken')).toBe(true);
    if (!record.open) expect(work).toBeNull();
    for (const event of events.slice(this.seen)) this.#follow(event, events);
    this.seen = events.length;
  }

  #follow(event: TimelineEvent, all: readonly TimelineEvent[]): void {
    const before = all.filter(({ seq }) => seq < event.seq);
    expect(before.some(({ kind }) => kind === 'closed') && event.kind !== 'note').toBe(false);
    if (event.kind === 'escalated' || event.kind === 'diagnosis-started') this.words = [];
    if (
      event.kind === 'step-reopened' ||
      (event.kind === 'step-decided' && event.data.decision === 'again')
    ) {
      this.words = this.words.filter((word) => word.step !== event.data.step);
      for (const [hash, of] of this.hashes) if (of === event.data.step) this.dead.add(hash);
    }
    if (event.kind === 'step-intended') this.#intended(event, before);
  }

  /** It begins on the unexpired word of enough people, and a block never runs twice without a decision. */
  #intended(
    event: Extract<TimelineEvent, { kind: 'step-intended' }>,
    before: readonly TimelineEvent[],
  ): void {
    const { step: index, block } = event.data;
    const of = before.filter((other) => 'step' in other.data && other.data.step === index);
    const last = of.findLastIndex((other) => other.kind === 'step-intended' && other.data.block === block);
    if (last >= 0) {
      const since = of
        .slice(last + 1)
        .map((other) => (other.kind === 'step-decided' ? other.data.decision : other.kind));
      expect(since.includes('again') || since.includes('step-reopened')).toBe(true);
    }
    const went = of.findLast((other) => other.kind === 'step-ended' && other.data.block === block - 1);
    if (went && event.at < went.at + APPROVAL_MS && block > 0) return;
    const good = this.words.filter((word) => word.step === index && event.at < word.at + APPROVAL_MS);
    expect(new Set(good.map(({ by }) => by)).size).toBeGreaterThanOrEqual(NEED[index]!);
  }
}

const reached = new Set<string>();

it('keeps its promises', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 30, maxLength: 90 }), async (commands) => {
      const desk = await testDesk();
      try {
        const world = new World(desk, await open(desk, storm(BOOK)));
        // Wherever it stands in the end, somebody tries to close it, and to say something afterwards.
        const close = { do: 'act', actor: ROOT, action: { kind: 'close', why: 'enough' } } as const;
        for (const next of [
          ...commands,
          close,
          { ...close, action: { kind: 'note', text: 'hm' } } as const,
        ]) {
          await world.run(next);
          await world.check();
        }
        for (const { kind } of await listEvents(desk.store.db, world.incident)) reached.add(kind);
      } finally {
        await desk.store.close();
      }
    }),
    { numRuns: 40 },
  );
  // A test that never gets anywhere proves nothing.
  for (const kind of ['step-ended', 'step-approved', 'step-unknown', 'verified', 'closed', 'escalated']) {
    expect(reached, kind).toContain(kind);
  }
});

/** Makes the parts of a guard, its policy and its plane, and connects them. */
import { type Clock, systemClock } from '../kernel/index.ts';
import { AuthFront } from './auth.ts';
import { boardBase, LeverDesk } from './levers/desk.ts';
import { noRunner } from './levers/driver.ts';
import { GuardMetrics } from './metrics.ts';
import { openingQueue } from './opening-queue.ts';
import type { GuardOptions } from './options.ts';
import { BodyBudget } from './plane/body.ts';
import { CancellableCalls } from './plane/cancellable.ts';
import type { InitializeCounts, PlaneContext } from './plane/context.ts';
import { endSurplus } from './plane/end-session.ts';
import { Fleet } from './plane/fleet.ts';
import { RequestLog } from './plane/request-log.ts';
import { StreamSet } from './plane/streams.ts';
import type { LeverEvent } from './policy/lever-model.ts';
import { LeverBoard } from './policy/levers.ts';
import { SessionRoom } from './policy/session-room.ts';
import { SessionTable } from './policy/sessions.ts';
import { Sharing } from './policy/sharing.ts';
import { ExpiryCalendar } from './policy/token-expiry.ts';
import { Tools } from './policy/tools.ts';
import { parseUpstreams } from './policy/upstream-urls.ts';
import { UpstreamSet } from './policy/upstreams.ts';
import { leverSettings } from './reload.ts';
import { trusting } from './tls.ts';

const SESSION_LIMITS = {
  maxEntries: 100_000,
  idleSeconds: 1800,
  activeSeconds: 60,
  maxLost: 100_000,
  lostSeconds: 600,
};
const SWEEP_MS = 5000;
const LOOK_MS = 100;

export interface Assembled {
  readonly context: PlaneContext;
  readonly desk: LeverDesk;
  readonly auth: AuthFront | null;
  readonly close: () => void;
}

/** Makes the policy and the plane, and connects them. Nothing listens yet. Errors: `E_BAD_VALUE`. */
export function assemble(options: GuardOptions): Assembled {
  const { clock = systemClock, random = Math.random, log = nothing } = options;
  const settings = leverSettings(options);
  const levers = new LeverBoard(clock, boardBase(settings), (event) => react(event));
  const desk = new LeverDesk(clock, levers, options.run ?? noRunner, settings, log);
  // A session is one too many once it is there: it takes its place before another must go.
  const sessions = new SessionTable(clock, SESSION_LIMITS, () => endSurplus(context));
  const sessionRoom = new SessionRoom(sessions, () => levers.values);
  const upstreams = new UpstreamSet(clock);
  const initializes: InitializeCounts = { pending: 0, expected: 0 };
  const queue = openingQueue({ clock, levers, sessionRoom, upstreams, initializes });
  const streams = new StreamSet(clock, levers, random);
  const breakerTurned = ({ tool, open }: { tool: string; open: boolean }) =>
    log({ event: open ? 'tool-breaker-open' : 'tool-breaker-closed', tool });
  const tools = new Tools(clock, random, (tool) => levers.values.tool(tool), breakerTurned);
  const budget = new BodyBudget();
  const tokens = new ExpiryCalendar(clock);
  const { authUpstream: url } = options;
  const ca = options.upstreamCa === undefined ? undefined : trusting(options.upstreamCa);
  const auth =
    url === undefined ? null : new AuthFront({ url, clock, random, levers, budget, tokens, log, ca });
  const sharing = options.cache === false ? null : new Sharing(clock);
  const metrics = new GuardMetrics({
    tools,
    sharing,
    sessions,
    upstreams,
    levers,
    listLevers: () => desk.list(),
    pendingInitializes: () => initializes.pending,
    openStreams: () => streams.size,
    tokens,
    auth,
  });
  const fleet = new Fleet({ clock, upstreams, sessions, changed: () => fleetChanged(), log, ca });
  const context = {
    clock,
    random,
    levers,
    sessions,
    sessionRoom,
    upstreams,
    queue,
    metrics,
    budget,
    fleet,
    streams,
    initializes,
    tools,
    tokens,
    authUp: () => auth?.up ?? true,
    requestLog: new RequestLog(log, options.logRequests ?? 'none'),
    draining: false,
    cancellable: new CancellableCalls(),
    sharing,
  };

  function fleetChanged(): void {
    if (upstreams.all.some(({ active, up }) => active && !up)) sharing?.results.lost();
    queue.poke();
  }

  function react(event: LeverEvent): void {
    log({ ...event });
    desk.boardChanged();
    if (event.name === 'UPSTREAMS') sharing?.results.clear();
    if (event.name === 'UPSTREAMS') void fleet.set(parseUpstreams(event.to)).then(() => queue.update());
    if (event.name === 'RECONNECT_JITTER_SECONDS') streams.stampAll();
    if (event.name.startsWith('TOOL_')) tools.update();
    queue.update();
    auth?.update();
  }

  const endUpkeep = upkeep(context);
  const close = () => {
    endUpkeep();
    for (const part of [levers, queue, auth, fleet]) part?.close();
  };
  return { context, desk, auth, close };
}

/** What has to be done now and then; the returned function ends it. */
function upkeep(context: PlaneContext): () => void {
  const { clock, sessions, fleet, queue } = context;
  const endSweep = every(clock, SWEEP_MS, () => {
    sessions.sweep();
    fleet.sweep();
  });
  // Nothing tells when a session has become idle, or the rest of a handshake was given up.
  const endLook = every(clock, LOOK_MS, () => {
    endSurplus(context);
    queue.poke();
  });
  return () => {
    endSweep();
    endLook();
  };
}

/** Does the task again and again; the returned function ends it. */
function every(clock: Clock, ms: number, task: () => void): () => void {
  let cancel = nothing;
  const wait = () => {
    cancel = clock.after(ms, () => {
      task();
      wait();
    });
  };
  wait();
  return () => cancel();
}

function nothing(): void {}

/** The queue in front of the openings (`initialize`, `server/discover`): the levers' pace, and what the upstreams can take. */
import type { Clock } from '../kernel/index.ts';
import type { InitializeCounts } from './plane/context.ts';
import { AdmissionQueue, type Gate } from './policy/admission.ts';
import type { Speech } from './policy/eras.ts';
import type { LeverBoard } from './policy/levers.ts';
import { paceOf } from './policy/pressure.ts';
import type { SessionRoom } from './policy/session-room.ts';
import type { UpstreamSet } from './policy/upstreams.ts';

const MAX_WAITING = 10_000;

export interface OpeningQueueOptions {
  readonly clock: Clock;
  readonly levers: LeverBoard;
  readonly sessionRoom: SessionRoom;
  readonly upstreams: UpstreamSet;
  readonly initializes: InitializeCounts;
}

export function openingQueue(options: OpeningQueueOptions): AdmissionQueue {
  const { clock, levers, sessionRoom, upstreams, initializes } = options;
  const pace = () => paceOf(levers.values);
  const gate = (lane: string): Gate => {
    const room = speechOf(lane) === 'older' ? sessionRoom.state(initializes.expected) : 'open';
    if (room !== 'open') return room;
    return upstreams.canTake(pace(), speechOf(lane)) ? 'open' : 'hold';
  };
  const limits = (lane: string) => ({
    ratePerSecond: levers.values.maxInitPerSecond,
    // Without a pace nobody is sent away from a server that works, however slowly: clients know their patience.
    queueSeconds:
      pace() !== 'free' || !upstreams.isAvailable(speechOf(lane))
        ? levers.values.initQueueSeconds
        : Number.POSITIVE_INFINITY,
    maxWaiting: MAX_WAITING,
  });
  return new AdmissionQueue(clock, limits, gate);
}

/** Openings wait in the lane of what their upstream must speak. */
function speechOf(lane: string): Speech {
  return lane === 'newer' ? 'newer' : 'older';
}

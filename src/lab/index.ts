export { type Fleet, type FleetOptions, startFleet } from './fleet.ts';
export { freePort } from './free-port.ts';
export { type GuardProcess, type GuardProcessOptions, startGuardProcess } from './guard-process.ts';
export { Lab } from './lab.ts';
export type { FleetReport } from './messages.ts';
export { startUpstream, type Upstream, type UpstreamOptions } from './upstream.ts';

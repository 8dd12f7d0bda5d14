import type { Actor } from '../../engine/index.ts';
import type { AgentDesk } from './agent-desk.ts';

/** Who asks, and what it may reach. */
export interface AgentContext {
  readonly desk: AgentDesk;
  /** Always `via: 'agent'`, whatever its role is elsewhere. */
  readonly actor: Actor;
}

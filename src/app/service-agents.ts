/** The agents' desk with what its diagnoses run with on this machine. */
import { type Desk, type SandboxSettings, type Surroundings, sandboxSettings } from '../engine/index.ts';
import type { AgentDesk } from '../server/index.ts';
import { createAgentDesk } from './agent-desk.ts';
import { openSandbox } from './sandbox.ts';
import { openSurroundings, type SurroundingsOptions } from './surroundings.ts';

export interface AgentsOptions {
  readonly desk: Desk;
  readonly surroundings: SurroundingsOptions;
  /** Sites whose checks may run here; null: any. */
  readonly sites: readonly string[] | null;
  /** Default: as the system offers it. */
  readonly sandbox?: SandboxSettings;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

export interface Agents {
  readonly desk: AgentDesk;
  close(): Promise<void>;
}

/** Errors: `E_USAGE` for surroundings that cannot be read */
export async function openAgents(options: AgentsOptions): Promise<Agents> {
  const { desk, env, cwd, sites } = options;
  const opened = await openSurroundings(options.surroundings, { env, cwd, clock: desk.clock });
  const secrets = [...opened.surroundings.secrets, ...desk.secrets];
  return {
    desk: createAgentDesk({
      desk,
      surroundings: sandboxed(
        { ...opened.surroundings, secrets },
        options.sandbox ?? sandboxSettings.parse({}),
      ),
      serves: (site) => sites === null || sites.includes(site),
    }),
    close: () => opened.close(),
  };
}

/** What the system offers is tried when the first diagnosis is wanted, and then known. */
function sandboxed(surroundings: Surroundings, settings: SandboxSettings): () => Promise<Surroundings> {
  let made: Promise<Surroundings> | null = null;
  return () => {
    made ??= openSandbox(settings).then((sandbox) => ({ ...surroundings, sandbox }));
    return made;
  };
}

import type { z } from 'zod';
import type { PartContext } from '../lab.ts';
import { ReportingChild } from '../reporting-child.ts';
import {
  type AuthServerCommand,
  type AuthServerSettings,
  authServerOptionsSchema,
  authServerReportSchema,
} from './messages.ts';

/** What reached the token endpoint. */
export interface TokenRequests {
  /** All of it. */
  readonly all: number;
  /** Answered with tokens. */
  readonly ok: number;
}

/** A running authorization server. */
export interface AuthServer {
  readonly url: string;
  /** Where the simulated people log in. */
  readonly deskUrl: string;
  readonly metricsUrl: string;
  /** Access tokens that are issued from now on live so long. */
  setLife(accessTokenSeconds: number): void;
  tokenRequests(): Promise<TokenRequests>;
  stop(): Promise<void>;
}

/** Starts the authorization server in a process of its own. Errors: `E_CHILD_ENDED`, `E_TIMEOUT`. */
export async function startAuthServer(
  settings: AuthServerSettings,
  context: PartContext,
): Promise<AuthServer> {
  const child = await ReportingChild.start<z.infer<typeof authServerReportSchema>, AuthServerCommand>(
    {
      name: 'authorization server',
      main: 'token-cascade/auth-server-main',
      settings: authServerOptionsSchema.parse(settings),
      report: authServerReportSchema,
    },
    context,
  );
  const { port, deskPort } = child.latest;
  const deskUrl = `http://127.0.0.1:${deskPort}`;
  return {
    url: `http://127.0.0.1:${port}`,
    deskUrl,
    metricsUrl: `${deskUrl}/metrics`,
    setLife: (accessTokenSeconds) => child.send({ type: 'life', accessTokenSeconds }),
    tokenRequests: async () => {
      const text = await (await fetch(`${deskUrl}/metrics`)).text();
      const samples = [...text.matchAll(/^lab_token_requests_total\{outcome="(\w+)"\} (\d+)$/gm)];
      const byOutcome = new Map(samples.map(([, outcome, value]) => [outcome, Number(value)]));
      return {
        all: [...byOutcome.values()].reduce((sum, value) => sum + value, 0),
        ok: byOutcome.get('ok') ?? 0,
      };
    },
    stop: () => child.stop(),
  };
}

/** What the processes of the token cascade's lab say to each other over IPC, checked on arrival. */
import { z } from 'zod';

const port = z.number().int().min(0).max(65_535);
const count = z.number().int().min(0);

/** How the authorization server is started, as JSON in its first argument. */
export const authServerOptionsSchema = z.object({
  /** The URL that clients know it by; empty: its own address. A proxy in front of it has that URL. */
  issuer: z.union([z.literal(''), z.url()]).default(''),
  /** Token requests a second that one address may send, and how many at once. The rest gets 429. */
  throttlePerSecond: z.number().min(1).max(10_000),
  /** CPU milliseconds that each token request costs on top of the signature, for the database of a real server. */
  tokenCostMs: z.number().min(0).max(1000).default(4),
  /** How long an access token lives at first. */
  accessTokenSeconds: z.number().int().min(1).default(3600),
});
export type AuthServerSettings = z.input<typeof authServerOptionsSchema>;

/** What the authorization server says to the lab. */
export const authServerReportSchema = z.object({
  type: z.literal('ready'),
  port,
  /** Where the lab's simulated people log in, and where the counters are. */
  deskPort: port,
});

/** What the lab tells the authorization server: access tokens live so long from now on. */
export const authServerCommandSchema = z.object({
  type: z.literal('life'),
  accessTokenSeconds: z.number().int().min(1),
});
export type AuthServerCommand = z.infer<typeof authServerCommandSchema>;

/** How the MCP server that wants a token is started. */
export const resourceServerOptionsSchema = z.object({
  /** The authorization server whose tokens it takes, as clients know it. */
  issuer: z.url(),
  /** Where it gets that server's keys from. */
  keysUrl: z.url(),
});
export type ResourceServerSettings = z.infer<typeof resourceServerOptionsSchema>;

export const resourceServerReportSchema = z.object({ type: z.literal('ready'), port, metricsPort: port });

/** How a fleet of signed-in clients is started. */
export const signedInFleetOptionsSchema = z.object({
  /** The MCP endpoint. */
  url: z.url(),
  /** Where the simulated people log in. */
  deskUrl: z.url(),
  clients: z.number().int().min(1).max(5000),
  /** Tool calls that one round sends at the same moment. */
  callsPerRound: z.number().int().min(1).max(64).default(8),
  /** Time between two rounds of a client, on average; a round comes up to half of that earlier or later. */
  roundEveryMs: z.number().int().min(1).default(8000),
  /** How long a call may take, with all that its token needs. */
  timeoutMs: z.number().int().min(1).default(10_000),
  /** Simulated: how long a person takes for an interactive log-in, evenly spread. */
  logInMs: z.tuple([z.number().min(0), z.number().min(0)]).default([8_000, 20_000]),
  reportMs: z.number().int().min(10).default(250),
});
export type SignedInFleetSettings = z.input<typeof signedInFleetOptionsSchema>;

/** What the lab tells the fleet. */
export const signedInFleetCommandSchema = z.discriminatedUnion('type', [
  /** Connect every client, so many at a time. */
  z.object({ type: z.literal('connect'), concurrency: z.number().int().min(1) }),
  /** From now on so many clients a second refresh their token ahead of time and alone; 0 ends it. */
  z.object({ type: z.literal('renew-ahead'), perSecond: z.number().min(0).max(1000) }),
  /** Every client is signed in anew: its next access token expires at `expiresAt` (epoch seconds). */
  z.object({ type: z.literal('sign-in-anew'), expiresAt: z.number().int() }),
]);
export type SignedInFleetCommand = z.infer<typeof signedInFleetCommandSchema>;

/** The state of the fleet at one moment; the counters only grow. */
export const signedInFleetReportSchema = z.object({
  type: z.literal('report'),
  /** Epoch milliseconds. */
  t: z.number(),
  clients: count,
  /** Not started yet. */
  idle: count,
  /** With a credential, and no round done with it yet. */
  connecting: count,
  /** With a credential, and the last round of calls succeeded. */
  connected: count,
  /** With a credential, and a call of the last round failed. */
  failing: count,
  /** Without a credential: somebody has to log in. */
  signedOut: count,
  /** Rounds of calls begun, and those of which every call succeeded. */
  rounds: count,
  roundsDone: count,
  /** Credentials lost: interactive log-ins that people were asked for. */
  losses: count,
  /** Log-ins done, and log-ins that the authorization server refused at the last step. */
  logIns: count,
  logInsRefused: count,
  /** Clients that were signed in anew. */
  signedInAnew: count,
  calls: count,
  callErrors: count,
  cpuSeconds: z.number(),
  loopDelayMs: z.number(),
  /** The last error of a call, for people. */
  lastError: z.string().max(500),
});
export type SignedInFleetReport = z.infer<typeof signedInFleetReportSchema>;

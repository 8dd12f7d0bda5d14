/** A lab process: many signed-in MCP clients. Settings are JSON in the first argument; commands and reports go over IPC. */
import { systemClock } from '../../kernel/index.ts';
import { reportNowAndThen } from '../report-now-and-then.ts';
import { signedInFleetCommandSchema, signedInFleetOptionsSchema } from './messages.ts';
import { SignedInHost } from './signed-in-host.ts';
import { SignedInTally } from './signed-in-tally.ts';

const SIGN_IN_CONCURRENCY = 8;

// The lab may be killed at any moment; nothing of it stays behind.
process.once('disconnect', () => process.exit(0));

const settings = signedInFleetOptionsSchema.parse(JSON.parse(process.argv[2] ?? '{}'));
const tally = new SignedInTally(settings.clients);
const hosts = Array.from(
  { length: settings.clients },
  (_, number) => new SignedInHost(`user-${number}`, settings, tally, systemClock),
);

let stopRenewing = () => {};

process.on('message', (message: unknown) => {
  const command = signedInFleetCommandSchema.parse(message);
  switch (command.type) {
    case 'connect':
      void inTurn(command.concurrency, (host) => host.start());
      return;
    case 'renew-ahead':
      renewAhead(command.perSecond);
      return;
    case 'sign-in-anew':
      void inTurn(SIGN_IN_CONCURRENCY, (host) => host.signInAnew(command.expiresAt));
      return;
  }
});

/** Each lane takes the next host when it is done with the one before. */
async function inTurn(lanes: number, work: (host: SignedInHost) => Promise<void>): Promise<void> {
  const waiting = [...hosts];
  const lane = async () => {
    for (let host = waiting.shift(); host; host = waiting.shift()) await work(host);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

function renewAhead(perSecond: number): void {
  stopRenewing();
  if (perSecond === 0) return;
  let next = 0;
  const timer = setInterval(() => {
    const host = hosts[next++ % hosts.length];
    if (host?.state === 'connected') void host.renewAhead();
  }, 1000 / perSecond);
  stopRenewing = () => clearInterval(timer);
}

reportNowAndThen(settings.reportMs, () => tally.report());

/** A lab process: many MCP clients. Settings are JSON in the first argument; commands and reports go over IPC. */
import { systemClock } from '../kernel/index.ts';
import { CarelessHost } from './careless-host.ts';
import { FleetTally } from './fleet-tally.ts';
import { fleetCommandSchema, fleetOptionsSchema } from './messages.ts';
import { reportNowAndThen } from './report-now-and-then.ts';

// The lab may be killed at any moment; nothing of it stays behind.
process.once('disconnect', () => process.exit(0));

const settings = fleetOptionsSchema.parse(JSON.parse(process.argv[2] ?? '{}'));
const tally = new FleetTally(settings.clients);
const hosts = Array.from({ length: settings.clients }, () => new CarelessHost(settings, tally, systemClock));
const idle = [...hosts];

let stopChurn = () => {};

process.on('message', (message: unknown) => {
  const command = fleetCommandSchema.parse(message);
  switch (command.type) {
    case 'connect':
      for (let lane = 0; lane < command.concurrency; lane++) void connectInTurn();
      return;
    case 'churn':
      churn(command.perSecond);
      return;
  }
});

/** One lane of the closed loop: the next client starts when the one before it has a session. */
async function connectInTurn(): Promise<void> {
  for (let host = idle.shift(); host; host = idle.shift()) await host.start();
}

function churn(perSecond: number): void {
  stopChurn();
  if (perSecond === 0) return;
  let next = 0;
  const timer = setInterval(() => {
    for (let tried = 0; tried < hosts.length; tried++) {
      const host = hosts[next++ % hosts.length];
      if (host?.state === 'connected') return host.leave();
    }
  }, 1000 / perSecond);
  stopChurn = () => clearInterval(timer);
}

reportNowAndThen(settings.reportMs, () => tally.report());

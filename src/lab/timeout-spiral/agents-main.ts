/** A lab process: agents with questions. Settings are JSON in the first argument; commands and reports go over IPC. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { systemClock } from '../../kernel/index.ts';
import { Agent } from './agent.ts';
import { AgentsTally } from './agents-tally.ts';
import { type AgentsReport, agentsCommandSchema, agentsOptionsSchema } from './messages.ts';

// The lab may be killed at any moment; nothing of it stays behind.
process.once('disconnect', () => process.exit(0));

const settings = agentsOptionsSchema.parse(JSON.parse(process.argv[2] ?? '{}'));
const tally = new AgentsTally(settings.agents);
const idle = Array.from({ length: settings.agents }, (_, n) => new Agent(n, settings, tally, systemClock));
const loopDelay = monitorEventLoopDelay({ resolution: 10 });
loopDelay.enable();

process.on('message', (message: unknown) => {
  const { concurrency } = agentsCommandSchema.parse(message);
  for (let lane = 0; lane < concurrency; lane++) void connectInTurn();
});

/** One lane: the next agent starts when the one before it has its first answer. */
async function connectInTurn(): Promise<void> {
  for (let agent = idle.shift(); agent; agent = idle.shift()) {
    await agent.start();
  }
}

function report(): void {
  const message: AgentsReport = {
    type: 'report',
    ...tally.report(),
    loopDelayMs: loopDelay.percentile(99) / 1e6,
  };
  loopDelay.reset();
  process.send?.(message);
}

report();
setInterval(report, settings.reportMs);

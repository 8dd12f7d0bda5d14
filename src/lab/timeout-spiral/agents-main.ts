/** A lab process: agents with questions. Settings are JSON in the first argument; commands and reports go over IPC. */
import { systemClock } from '../../kernel/index.ts';
import { reportNowAndThen } from '../report-now-and-then.ts';
import { Agent } from './agent.ts';
import { AgentsTally } from './agents-tally.ts';
import { agentsCommandSchema, agentsOptionsSchema } from './messages.ts';

// The lab may be killed at any moment; nothing of it stays behind.
process.once('disconnect', () => process.exit(0));

const settings = agentsOptionsSchema.parse(JSON.parse(process.argv[2] ?? '{}'));
const tally = new AgentsTally(settings.agents);
const idle = Array.from({ length: settings.agents }, (_, n) => new Agent(n, settings, tally, systemClock));

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

reportNowAndThen(settings.reportMs, () => tally.report());

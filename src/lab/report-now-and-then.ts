import { monitorEventLoopDelay } from 'node:perf_hooks';
import { systemClock } from '../kernel/index.ts';

/**
 * In a process of the lab: sends a report to the lab at once and every `everyMs`, with what the process
 * costs (seconds of CPU, and the 99th percentile of its event loop's delay since the last report, in ms).
 */
export function reportNowAndThen(everyMs: number, tally: () => object): void {
  const loopDelay = monitorEventLoopDelay({ resolution: 10 });
  loopDelay.enable();
  const report = () => {
    const { user, system } = process.cpuUsage();
    process.send?.({
      type: 'report',
      t: systemClock.now(),
      ...tally(),
      cpuSeconds: (user + system) / 1e6,
      loopDelayMs: loopDelay.percentile(99) / 1e6,
    });
    loopDelay.reset();
  };
  report();
  setInterval(report, everyMs);
}

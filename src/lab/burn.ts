/** Iterations between two looks at the CPU clock while calibrating. */
const BLOCK = 100_000;
/** Kernels count a thread's CPU in ticks of up to 4 ms; 200 ms keep the error of that at 2%. */
const CALIBRATION_MS = 200;

/** A fixed amount of arithmetic that makes no garbage and that no compiler can leave out. */
function work(iterations: number): number {
  let state = 0x9e3779b9;
  for (let round = 0; round < iterations; round++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
  }
  return state;
}

function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/**
 * Measures how much arithmetic this thread does in `cpuMs` milliseconds of CPU (not of wall time: a
 * busy machine makes it slower, not cheaper), and returns a function that does that much: what a server
 * burns that loads a tenant's configuration for each new session. Measuring each time instead would be
 * wrong by a clock tick.
 */
export function calibrateBurn(cpuMs: number): () => void {
  if (cpuMs === 0) return () => {};
  for (let warmUp = 0; warmUp < 20; warmUp++) work(BLOCK);
  const start = nextTick();
  let blocks = 0;
  let used = 0;
  for (; used < CALIBRATION_MS; blocks++) {
    work(BLOCK);
    used = threadCpuMs() - start;
  }
  const iterations = Math.round((cpuMs / used) * blocks * BLOCK);
  return () => void work(iterations);
}

/** Works until the CPU clock moves, so that measuring starts at the edge of a tick. */
function nextTick(): number {
  const before = threadCpuMs();
  let now = before;
  while (now === before) {
    work(1000);
    now = threadCpuMs();
  }
  return now;
}

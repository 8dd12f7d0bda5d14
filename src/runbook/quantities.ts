/** What the words of an expectation and of a command are about, so that one can be held against the other. */

/**
 * Topics, and the words that name them. The first group are quantities: an expectation about one of
 * them can only be judged by a command that measures it. The others only say what is counted.
 */
const TOPICS: Readonly<Record<string, readonly string[]>> = {
  cpu: ['cpu', 'cpus', 'processor', 'processors'],
  memory: ['memory', 'mem', 'rss', 'heap', 'ram', 'oom'],
  latency: ['latency', 'latencies', 'duration', 'durations', 'slow', 'seconds', 'milliseconds', 'ms'],
  disk: ['disk', 'disks', 'filesystem', 'volume', 'storage', 'df', 'inode', 'inodes'],
  queue: ['queue', 'queues', 'queued', 'backlog', 'depth'],
  session: ['session', 'sessions'],
  initialize: [
    'initialize',
    'initializes',
    'initialise',
    'initialization',
    'initializations',
    'initialisation',
    'init',
    'handshake',
    'handshakes',
  ],
  connection: ['connection', 'connections', 'conn', 'conns', 'reconnect', 'reconnects', 'reconnections'],
  client: ['client', 'clients'],
  error: ['error', 'errors', 'failure', 'failures', 'failed', 'fail', 'fails'],
  token: ['token', 'tokens'],
  refresh: ['refresh', 'refreshes'],
  tool: ['tool', 'tools'],
  timeout: ['timeout', 'timeouts'],
  retry: ['retry', 'retries'],
  pod: ['pod', 'pods'],
  node: ['node', 'nodes'],
};

const QUANTITIES: ReadonlySet<string> = new Set(['cpu', 'memory', 'latency', 'disk', 'queue']);

const TOPIC_OF: ReadonlyMap<string, string> = new Map(
  Object.entries(TOPICS).flatMap(([topic, words]) => words.map((word) => [word, topic])),
);

/** Lower-case words of any text; `mcp_initialize_total` and `initializeTotal` come apart. */
function wordsOf(text: string): string[] {
  return text
    .slice(0, 4000)
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/);
}

/** The topics a text speaks of. */
export function topicsOf(text: string): Set<string> {
  const topics = new Set<string>();
  for (const word of wordsOf(text)) {
    const topic = TOPIC_OF.get(word);
    if (topic !== undefined) topics.add(topic);
  }
  if (/response time|time to (?:first|complete)/i.test(text)) topics.add('latency');
  return topics;
}

/** Those of the topics that only a measurement of the same quantity can decide. */
export function quantitiesOf(topics: ReadonlySet<string>): string[] {
  return [...topics].filter((topic) => QUANTITIES.has(topic));
}

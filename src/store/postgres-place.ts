import { Client, type ClientConfig, types } from 'pg';
import { AllclearError } from '../kernel/index.ts';

/** Where a PostgreSQL store is: what `pg` needs to connect, and what people may see. */
export interface Place {
  readonly config: ClientConfig;
  /** `postgres://user@host:port/database`: no password, no parameters. */
  readonly shown: string;
  readonly user: string;
  readonly database: string;
}

/** As `pg` has it: by any type's number, not only those its typings list. */
type ParserOf = (oid: number, format?: 'text' | 'binary') => (text: string) => unknown;

const INT8 = 20;
const CONNECT_MS = 5_000;
/** No statement of ours takes this long; past it the network has swallowed the answer. */
const ANSWER_MS = 60_000;

export function isPostgresUrl(location: string): boolean {
  return /^postgres(ql)?:\/\//i.test(location);
}

/**
 * Understands a connection URL as libpq does: `postgres://user:password@host:port/database?sslmode=…`, a socket's folder
 * as `?host=/var/run/postgresql`; what is left out comes from PGHOST, PGUSER, PGPASSWORD … or `~/.pgpass`.
 * @throws `E_BAD_VALUE` when it is none; the message never repeats it, because it may hold a password
 */
export function readPlace(url: string): Place {
  const config: ClientConfig = {
    connectionString: url,
    application_name: 'allclear',
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: ANSWER_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    // Times are epoch milliseconds in INT8: far below 2^53.
    types: {
      getTypeParser: (oid: number, format?: 'text' | 'binary') =>
        oid === INT8 ? Number : (types.getTypeParser as ParserOf)(oid, format),
    },
  };
  const { host, port, user = '', database = '' } = resolved(config);
  const at = host.startsWith('/') ? encodeURIComponent(host) : `${host}:${port}`;
  return { config, shown: `postgres://${user}@${at}/${database}`, user, database };
}

function resolved(config: ClientConfig): Client {
  try {
    return new Client(config);
  } catch {
    // Not as the cause: its message and its fields repeat the URL.
    throw new AllclearError('E_BAD_VALUE', {
      what: 'the URL of the store cannot be understood',
      next: 'Give it as postgres://user:password@host:5432/database; escape special characters (@ is %40, / is %2F).',
    });
  }
}

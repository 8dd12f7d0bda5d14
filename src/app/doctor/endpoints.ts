/** Programs elsewhere: the guard, Prometheus, Alertmanager. */
import { toAllclearError } from '../../kernel/index.ts';
import { PrometheusSource } from '../../metrics/index.ts';
import { DEFAULT_GUARD_URL } from '../command-env.ts';
import { broken, brokenBy, type Finding, off, ok } from './finding.ts';

const ANSWER_MS = 5_000;

type Env = Readonly<Record<string, string | undefined>>;

/** A guard is needed only where its address was given. */
export async function guardFinding(env: Env): Promise<Finding> {
  const given = env['ALLCLEAR_GUARD_URL'];
  const url = given ?? DEFAULT_GUARD_URL;
  const problem = await problemAt(url, '/healthz');
  if (problem === null) return ok('guard', shown(url));
  if (given === undefined)
    return off('guard', `none at ${url}`, 'Start one with `allclear guard`, if you need one.');
  return broken('guard', `${shown(url)}: ${problem}`, 'Start it, or correct ALLCLEAR_GUARD_URL.');
}

export async function prometheusFinding(url: string | undefined, env: Env): Promise<Finding> {
  const name = 'prometheus';
  const given = url ?? (env['ALLCLEAR_PROMETHEUS'] || undefined);
  if (given === undefined) {
    return off(
      name,
      'not configured',
      'Give --prometheus URL, or ALLCLEAR_PROMETHEUS; the built-in scraper does without.',
    );
  }
  try {
    const source = new PrometheusSource({
      url: given,
      token: env['ALLCLEAR_PROMETHEUS_TOKEN'],
      timeoutMs: ANSWER_MS,
    });
    await source.query('vector(1)');
    return ok(name, source.name);
  } catch (error) {
    return brokenBy(name, toAllclearError(error), 'Check the URL, and ALLCLEAR_PROMETHEUS_TOKEN.');
  }
}

export async function alertmanagerFinding(url: string | undefined): Promise<Finding> {
  const name = 'alertmanager';
  if (url === undefined) {
    return off(name, 'not asked', 'Give --alertmanager URL; `allclear init --alertmanager` configures it.');
  }
  const problem = await problemAt(url, '/-/ready');
  if (problem === null) return ok(name, shown(url));
  return broken(name, `${shown(url)}: ${problem}`, 'Start Alertmanager, or correct the URL.');
}

/** Null when it answers well; otherwise why not, in a few words. */
async function problemAt(base: string, path: string): Promise<string | null> {
  if (!URL.canParse(base) || !/^https?:/i.test(base)) return 'this is no http(s) URL';
  const url = new URL(base);
  url.pathname = url.pathname.replace(/\/$/, '') + path;
  try {
    const response = await fetch(bare(url), {
      signal: AbortSignal.timeout(ANSWER_MS),
      redirect: 'manual',
      headers: credentials(url),
    });
    await response.body?.cancel();
    return response.ok ? null : `it answers ${response.status}`;
  } catch (error) {
    const { cause, name } = error as Error;
    if (name === 'TimeoutError') return `it did not answer within ${ANSWER_MS / 1000} s`;
    return (cause as NodeJS.ErrnoException | undefined)?.code ?? 'it cannot be reached';
  }
}

/** fetch refuses URLs with a password in them. */
function credentials({ username, password }: URL): Record<string, string> {
  if (username === '') return {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
}

function bare(url: URL): URL {
  const without = new URL(url);
  without.username = '';
  without.password = '';
  return without;
}

function shown(url: string): string {
  return URL.canParse(url) ? String(bare(new URL(url))).replace(/\/$/, '') : url;
}

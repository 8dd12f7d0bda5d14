/** The shipped alert rules, with links that lead to where the runbooks are served. */
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AllclearError, systemCode } from '../kernel/index.ts';
import { parseRuleFile, type RuleGroup } from '../metrics/index.ts';

const LIBRARY = fileURLToPath(new URL('../../runbooks', import.meta.url));

/**
 * The text of one rule file with all of them, comments included.
 * @param prefix what links begin with: an http(s) URL, in which `{id}` or `{file}` stands for the runbook's; without
 *   either the file's name is appended. Undefined: links stay relative to the repository.
 * @throws `E_BAD_VALUE` for a prefix that is no URL
 */
export async function shippedRules(prefix?: string): Promise<string> {
  if (prefix !== undefined) requirePrefix(prefix);
  const files = (await readdir(LIBRARY)).filter((name) => /\.ya?ml$/.test(name)).toSorted();
  const texts = await Promise.all(files.map((name) => readFile(join(LIBRARY, name), 'utf8')));
  const linked =
    prefix === undefined ? texts : await Promise.all(texts.map((text) => withLinks(text, prefix)));
  // Each file begins with the same key; the groups of the further ones go on the first one's list.
  return linked.map((text, index) => (index === 0 ? text : text.replace(/^groups:\s*\n/m, ''))).join('\n');
}

/** The same as groups, as the built-in evaluator reads them. */
export async function shippedGroups(prefix?: string): Promise<RuleGroup[]> {
  return parseRuleFile(await shippedRules(prefix), 'runbooks/alerts.yaml');
}

/** Only the values of `runbook_url` change: everything else stays as it was written. */
async function withLinks(text: string, prefix: string): Promise<string> {
  const { isScalar, parseDocument, visit } = await import('yaml');
  const edits: { from: number; to: number; link: string }[] = [];
  visit(parseDocument(text), {
    Pair(_, { key, value }) {
      if (!isScalar(key) || key.value !== 'runbook_url' || !isScalar(value) || !value.range) return;
      edits.push({ from: value.range[0], to: value.range[1], link: linkTo(String(value.value), prefix) });
    },
  });
  return edits.reduceRight(
    (edited, { from, to, link }) => `${edited.slice(0, from)}${JSON.stringify(link)}${edited.slice(to)}`,
    text,
  );
}

function linkTo(link: string, prefix: string): string {
  const file = basename(link);
  const id = file.replace(/\.md$/, '');
  if (/\{(?:id|file)\}/.test(prefix)) return prefix.replaceAll('{id}', id).replaceAll('{file}', file);
  return `${prefix.replace(/\/$/, '')}/${file}`;
}

function requirePrefix(prefix: string): void {
  if (/^https?:\/\/[^\s/"'<>\\]+[^\s"'<>\\]*$/i.test(prefix) && URL.canParse(prefix)) return;
  throw new AllclearError('E_BAD_VALUE', {
    what: `--prefix cannot be ${JSON.stringify(prefix)}`,
    next: 'Give the http(s) URL under which the runbooks are served, for example https://git.example/runbooks.',
  });
}

/**
 * What `promtool check rules` says of a rule file; null when it is content, or not installed.
 * Errors: `E_COMMAND_FAILED` when it cannot be run
 */
export async function promtoolFinding(text: string): Promise<{ installed: boolean; finding: string | null }> {
  const folder = await mkdtemp(join(tmpdir(), 'allclear-rules-'));
  const file = join(folder, 'rules.yaml');
  try {
    await writeFile(file, text);
    const { code, output } = await runProgram('promtool', ['check', 'rules', file]);
    return { installed: true, finding: code === 0 ? null : output.replaceAll(file, 'rules').trim() };
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return { installed: false, finding: null };
    throw new AllclearError('E_COMMAND_FAILED', { what: 'promtool could not be run', cause: error });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function runProgram(
  program: string,
  args: readonly string[],
): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: 30_000 });
    let output = '';
    const collect = (chunk: Buffer) => (output = `${output}${chunk.toString()}`.slice(-10_000));
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output }));
  });
}

import { describe, expect, it } from 'vitest';
import { corpusRunbooks, referenceRunbook } from '../../test/corpora/runbooks.ts';
import { parseRunbook } from './index.ts';

const parse = (source: string) => parseRunbook(source, 'runbooks/some-trouble.md');
const rules = (source: string) => parse(source).diagnostics.map(({ rule, line }) => `${rule}:${line}`);

describe('the reference runbook', () => {
  const reference = referenceRunbook();
  it.skipIf(reference === null)('loads unchanged into its checks and steps', () => {
    const { title, sections, checks, steps, diagnostics } = parseRunbook(reference!.source, reference!.path);
    expect(title).toBe('MCP Session Storm');
    expect(sections.map(({ name }) => name)).toEqual(['symptom', 'diagnosis', 'remediation', 'verify']);
    expect(
      checks.map(({ name, normal, question, within }) => [name, normal?.cel ?? null, question, within]),
    ).toEqual([
      ['active-session-count', null, null, null],
      ['initialization-rate', 'rate < 100', null, null],
      ['recent-restart-triggered-reconnections', null, null, null],
      ['cpu', null, 'CPU should drop below 60% within 5 minutes', 300],
      ['initialize-latency', 'p95 < 0.2', null, null],
    ]);
    expect(checks[1]!.normal).toMatchObject({
      inferred: true,
      from: 'Check initialization rate (should be < 100/sec normally)',
    });
    expect(checks[3]!.command).toBe(checks[4]!.command);
    expect(steps.map(({ title: step, manual }) => [step, manual])).toEqual([
      ['Rate-limit initializations', true],
      ['Scale horizontally', true],
      ['Stagger client reconnections', true],
    ]);
    expect(diagnostics).toEqual([]);
  });
});

describe('sections', () => {
  it('are found under every alias, level and numbering, and pairs stay apart', () => {
    const source =
      '# X\n## 1. What is happening?\n### Impact\n## Meaning\n## How do I confirm\n## Resolution\n## How do I verify the fix?\n## Revision history';
    expect(parse(source).sections.map(({ name, line }) => [name, line])).toEqual([
      ['symptom', 2],
      ['symptom', 4],
      ['diagnosis', 5],
      ['remediation', 6],
      ['verify', 7],
      ['history', 8],
    ]);
  });

  it('take in their subheadings, but Verify is never swallowed', () => {
    const source =
      '## Diagnosis\n### Fix of clocks\n```sh\na\n```\n## Remediation\n```sh\nb\n```\n### Verify\n```sh\nc\n```';
    const { checks, steps } = parse(source);
    expect(checks.map(({ section, command }) => [section, command])).toEqual([
      ['diagnosis', 'a'],
      ['verify', 'c'],
    ]);
    expect(steps.map(({ blocks }) => blocks.map(({ command }) => command))).toEqual([['b']]);
  });

  it('are not opened by headings in quotations, lists, comments or fences', () => {
    const source =
      '> ## Diagnosis\n\n- ## Verify\n\n<!--\n## Remediation\n```sh\nrm\n```\n-->\n\n```txt\n## Symptom\n```\n';
    expect(parse(source)).toMatchObject({ sections: [], checks: [], steps: [] });
  });

  it('know lines with a byte order mark, front matter and CRLF', () => {
    const source =
      '\uFEFF---\r\nseverity: critical\r\n---\r\n# Runbook: Storm\r\n\r\n## Diagnosis\r\n\r\n```bash\r\n# Check it (should be < 5)\r\nwc -l x\r\n```\r\n';
    const { title, frontMatter, sections, checks, source: kept } = parse(source);
    expect(title).toBe('Storm');
    expect(frontMatter.severity).toBe('critical');
    expect(sections[0]).toMatchObject({ line: 6 });
    expect(checks[0]).toMatchObject({ command: 'wc -l x', line: 10, normal: { cel: 'value < 5' } });
    expect(kept).toBe(source);
  });
});

const checksOf = (body: string) => parse(`## Diagnosis\n\n${body}`).checks;

describe('fences', () => {
  it('count within lists and quotations', () => {
    expect(
      checksOf('- a\n\n  > ```sh\n  > one\n  > ```\n').map(({ command, line }) => [command, line]),
    ).toEqual([['one', 6]]);
  });

  it('keep attributes, also unknown ones, with their quotes', () => {
    const [only] = checksOf(
      '~~~promql {"name":"x","normal":"value < 1 && \\"a\\" == \\"a\\"","team":7}\nup\n~~~',
    );
    expect(only).toMatchObject({
      name: 'x',
      normal: { cel: 'value < 1 && "a" == "a"', inferred: false },
      attributes: { team: 7 },
    });
  });

  it('read the older notation of Runme, and leave those of other tools alone', () => {
    expect(checksOf('```sh {name=old timeout=5s}\nx\n```')[0]).toMatchObject({ name: 'old', timeout: 5 });
    expect(rules('## Diagnosis\n```js {1,3-5}\nx\n```')).toEqual([]);
  });

  it('that are broken still run, with a diagnostic', () => {
    const source =
      '## Diagnosis\n```sh {"name":"a"\nx\n```\n```sh {"normal":"json.all(x, {x})"}\ny\n```\n```sh {"within":"soon","normal":5}\nz\n```';
    expect(parse(source).checks.map(({ command }) => command)).toEqual(['x', 'y', 'z']);
    expect(rules(source)).toEqual([
      'broken-attributes:2',
      'brace-in-attribute:5',
      'bad-attribute:8',
      'bad-attribute:8',
    ]);
  });

  it('that are not tagged, or tagged with another language, only show', () => {
    expect(checksOf('```\nrm -rf /\n```\n```yaml\na: b\n```\n    rm -rf /\n')).toEqual([]);
  });

  it('outside the sections are pointed out', () => {
    expect(rules('# X\n```sh\nx\n```')).toEqual(['outside-sections:2']);
  });

  it('never closed are pointed out', () => {
    expect(rules('## Diagnosis\n```sh\n$ x\n\n## Mitigation')).toEqual(['unclosed-fence:2']);
  });
});

describe('check names', () => {
  it('come from the comment, are unique, and give way to written names', () => {
    const source =
      '## Diagnosis\n```sh\n# Check the queue\na\n\n# Check the queue\nb\n\n# 5xx answers\nc\n```\n```sh {"name":"queue"}\nd\n```\n```sh\ne\n```';
    expect(parse(source).checks.map(({ name }) => name)).toEqual([
      'queue-2',
      'queue-3',
      'check-5xx-answers',
      'queue',
      'diagnosis-5',
    ]);
  });

  it('hold nothing that CEL could not read', () => {
    const source = '## Diagnosis\n```sh {"name":"Größe & Zahl!"}\na\n```\n```sh\n# ???\nb\n```';
    for (const { name } of parse(source).checks) expect(name).toMatch(/^[A-Za-z][\w-]*$/);
  });
});

const withCheck = (comment: string, metric: string) =>
  parse(
    `## Symptom\n- CPU > 90% on servers\n- initialize latency > 10s (normal: < 200ms)\n## Diagnosis\n\`\`\`sh\n# ${comment}\ncurl -s http://x/metrics | grep ${metric}\n\`\`\``,
  ).checks[0]!;

describe('symptoms', () => {
  it('lend their condition to a check of the same subject', () => {
    expect(withCheck('Look at initialize latency', 'mcp_initialize_duration_seconds').normal).toEqual({
      cel: 'p95 < 0.2',
      inferred: true,
      from: 'initialize latency > 10s (normal: < 200ms)',
    });
    expect(withCheck('See how busy it is', 'process_cpu_seconds_total').abnormal).toMatchObject({
      cel: 'rate > 0.9',
    });
  });

  it('lend nothing to another', () => {
    expect(withCheck('Look at tools', 'mcp_tool_duration_seconds').normal).toBeNull();
    expect(withCheck('Look at handshakes', 'mcp_initialize_total')).toMatchObject({
      normal: null,
      abnormal: null,
    });
  });
});

const stepsOf = (body: string) => parse(`## Mitigation\n\n${body}`).steps;

describe('steps', () => {
  it('are numbered items with title, prose and commands, also where the fence is not indented', () => {
    const found = stepsOf(
      '1. **Pace it.** Half of it.\n\n   More.\n\n   ```sh {"risk":"safe"}\n   one\n   ```\n2. Restart the server. It takes long.\n\n```sh {"risk":"disruptive","timeout":"2m"}\ntwo\n```\n\n3. **By hand**: call them\n',
    );
    expect(
      found.map(({ title, prose, manual, risk, riskStated, blocks }) => [
        title,
        prose,
        manual,
        risk,
        riskStated,
        blocks.map(({ command }) => command),
      ]),
    ).toEqual([
      ['Pace it', 'Half of it.\nMore.', false, 'safe', true, ['one']],
      ['Restart the server', 'It takes long.', false, 'disruptive', true, ['two']],
      ['By hand', 'call them', true, 'reversible', false, []],
    ]);
    expect(found[1]!.blocks[0]!.timeout).toBe(120);
  });

  it('may be bullets or bare fences; lists of links are none', () => {
    expect(
      stepsOf('Defragment it. Run this in all pods:\n\n```sh\ndefrag\n```\n').map(({ title }) => title),
    ).toEqual(['Run this in all pods']);
    expect(stepsOf('- Add nodes\n- Clean up\n\n').map(({ title }) => title)).toEqual([
      'Add nodes',
      'Clean up',
    ]);
    expect(stepsOf('1. Do it\n\n- a note\n').map(({ title }) => title)).toEqual(['Do it']);
    expect(stepsOf('Just prose.\n\n- [1](https://example.org/a_(b)#c)\n- <https://example.org>\n')).toEqual(
      [],
    );
    expect(stepsOf('```sh\n# TODO: command needed\n```\n')).toEqual([]);
  });

  it('know how they are taken back, and do not run that by themselves', () => {
    const [step, ...others] = stepsOf(
      '1. Pace\n\n   ```sh {"undo":"unpace"}\n   set\n   ```\n   ```sh {"name":"unpace"}\n   reset\n   ```\n',
    );
    expect(others).toEqual([]);
    expect(step!.blocks).toHaveLength(1);
    expect(step!.blocks[0]!.undo).toEqual({ name: 'unpace', language: 'sh', command: 'reset' });
  });

  it('with a mistake in an attribute err to the safe side', () => {
    const source = '## Fix\n```sh {"risk":"distruptive","undo":"nothing","timeout":"x"}\ngo\n```';
    expect(parse(source).steps[0]).toMatchObject({
      risk: 'disruptive',
      riskStated: true,
      blocks: [{ undo: null, timeout: null }],
    });
    expect(rules(source)).toEqual(['bad-attribute:2', 'unknown-undo:2', 'bad-attribute:2']);
  });
});

describe('the runbooks of the prometheus-operator', () => {
  const files = corpusRunbooks();

  it.skipIf(files.length === 0)('all load, and every command and query is in its section', () => {
    expect(files.length).toBeGreaterThan(100);
    const expected = files.flatMap(({ path, source }) =>
      scanFences(source).map((fence) => `${path} ${fence}`),
    );
    const found = files.flatMap(({ path, source }) => {
      const { checks, steps } = parseRunbook(source, path);
      const lines = [
        ...checks.map(({ section, command }) => `${section}: ${firstLine(command)}`),
        ...steps.flatMap(({ blocks }) => blocks.map(({ command }) => `remediation: ${firstLine(command)}`)),
      ];
      return lines.map((line) => `${path} ${line}`);
    });
    expect(expected.length).toBeGreaterThan(45);
    expect(found.toSorted()).toEqual(expected.toSorted());
  });
});

const firstLine = (text: string) => text.split('\n')[0]!.trim();

/** An independent look at a file: fences under headings, line by line. One `section: first command` each. */
function scanFences(source: string): string[] {
  const found: string[] = [];
  let section: string | null = null;
  let level = 0;
  const lines = source.split('\n');
  for (let at = 0; at < lines.length; at++) {
    const heading = /^(#{1,6}) (.*)/.exec(lines[at]!);
    if (heading && (section === null || heading[1]!.length <= level)) {
      level = heading[1]!.length;
      section =
        level < 2
          ? null
          : ({ Diagnosis: 'diagnosis', Mitigation: 'remediation' }[heading[2]!.trim()] ?? null);
    }
    const fence = /^\s*```(\w*)/.exec(lines[at]!);
    if (!fence) continue;
    const body: string[] = [];
    for (at += 1; at < lines.length && !/^\s*```\s*$/.test(lines[at]!); at++) body.push(lines[at]!.trim());
    if (section === null || !['bash', 'sh', 'shell', 'console', 'promql'].includes(fence[1]!)) continue;
    const prompt = body.find((line) => line.startsWith('$ '));
    const plain =
      fence[1] === 'console' ? undefined : body.find((line) => line !== '' && !line.startsWith('#'));
    const command = prompt?.slice(2).trim() ?? plain;
    if (command !== undefined) found.push(`${section}: ${command}`);
  }
  return found;
}

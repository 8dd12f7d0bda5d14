import { execFileSync } from 'node:child_process';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { paragraphsOf } from './commands.ts';
import type { BlockLanguage, Fence } from './model.ts';

function fence(code: string, language: BlockLanguage = 'bash'): Fence {
  return {
    tag: language,
    language,
    attributes: {},
    broken: false,
    info: language,
    code: `${code}\n`,
    line: 1,
    endLine: 99,
  };
}

const commands = (code: string, language?: BlockLanguage) =>
  paragraphsOf(fence(code, language)).map(({ command }) => command);

describe('a script is cut at blank lines that a comment follows', () => {
  it('gives each comment-led paragraph its own command and place', () => {
    const [first, second] = paragraphsOf(
      fence('# Sessions\nsessions\n\n# Rate (should be < 5)\nrate \\\n  --all'),
    );
    expect(first).toMatchObject({ comments: ['Sessions'], command: 'sessions', line: 3 });
    expect(second).toMatchObject({
      comments: ['Rate (should be < 5)'],
      command: 'rate \\\n  --all',
      line: 6,
    });
  });

  it('keeps a paragraph without a comment with the one above', () => {
    expect(commands('# A\na\n\nb\n\n# C\nc')).toEqual(['a\n\nb', 'c']);
  });

  it('joins a comment that goes on in lower case, and keeps two sentences apart', () => {
    const [only] = paragraphsOf(
      fence('# CPU should drop below 60%\n# within 5 minutes\n# Latency should be < 1s\nx'),
    );
    expect(only!.comments).toEqual(['CPU should drop below 60% within 5 minutes', 'Latency should be < 1s']);
  });

  it('runs nothing where there are only comments', () => {
    expect(commands('# TODO: command needed')).toEqual([]);
  });
});

describe('a cut never breaks the script', () => {
  it.each([
    ['a heredoc', 'cat <<EOF\nx\n\n# y\nEOF'],
    ['a heredoc with a quoted, indented end', "cat <<-'END'\n\tx\n\n# y\n\tEND"],
    ['quotes over lines', "echo 'a\n\n# b'"],
    ['a loop', 'for x in a b; do\n  echo $x\n\n  # next\n  echo\ndone'],
    ['a condition', 'if true; then\n  a\n\n# b\n  b\nfi'],
    ['a case', 'case $1 in\n  a) x ;;\n\n# b\n  b) y ;;\nesac'],
    ['a group', '{\n  a\n\n# b\n  b\n}'],
    ['a subshell', '(\n  a\n\n# b\n  b\n)'],
    ['a pipe that goes on', 'a |\n\n# b\nb'],
    ['a list that goes on', 'a &&\n\n# b\nb'],
    ['a script that is broken itself', 'echo "a\n\n# b\nb'],
    ['a variable that is used further down', 'x=1; echo\n\n# b\necho $x'],
    ['a variable that is read', 'read -r x\n\n# b\necho ${x}'],
    ['a function', 'f() {\n  a\n}\n\n# b\nf'],
    ['a folder that is changed', 'cd /tmp; ls\n\n# b\nls'],
  ])('%s stays whole', (_, code) => {
    expect(commands(code)).toEqual([code]);
  });

  it('sets what paragraphs of assignments set before each later one', () => {
    expect(commands('NS=prod\ncd /srv\n\n# A\nget -n $NS\n\n# B\nlist -n $NS')).toEqual([
      'NS=prod\ncd /srv\nget -n $NS',
      'NS=prod\ncd /srv\nlist -n $NS',
    ]);
  });

  it('leaves every part acceptable to bash when the whole is', () => {
    const chunk = fc.constantFrom(
      'echo a',
      'echo a # b',
      'echo "x\n\n# y"',
      "echo 'x\n\n# y'",
      'cat <<E\n\n# x\nE',
      'cat <<-"E" | wc\n\n# x\n\tE',
      'if true; then\n\n# x\necho\nfi',
      'while false; do echo\n\n# x\ndone',
      'for fi in a; do\n\n# x\necho $fi; done',
      'case x in\n\n# x\nx) echo ;;\nesac',
      '{ echo\n\n# x\n}',
      '( echo\n\n# x\n)',
      'a |\n\n# x\nb',
      'a && # why\n\n# x\nb',
      'a ||\n\n# x\nb',
      'echo $(\n\n# x\necho)',
      'echo ${x#y}',
      'echo \\\n a',
      'x=(1\n\n# x\n2)',
      "echo $'a\\'b\n\n# x'",
      'echo `a\n\n# x\n`',
      'echo if',
      'echo "$(echo "a")"',
      'echo $((1 << 2))',
      '[[ a == b ]]',
      'echo }',
      'cat <<<x',
    );
    const separator = fc.constantFrom('\n', '\n\n', '\n\n# comment\n', '\n# comment\n', "\n\n# it's\n");
    let cuts = 0;
    fc.assert(
      fc.property(fc.array(fc.tuple(chunk, separator), { minLength: 1, maxLength: 5 }), (chunks) => {
        const code = chunks.flat().join('').trimEnd();
        const parts = commands(code);
        if (parts.length < 2 || !parses(code)) return;
        cuts += 1;
        for (const part of parts) expect(parses(part), part).toBe(true);
      }),
      { numRuns: 400 },
    );
    expect(cuts).toBeGreaterThan(50);
  });
});

function parses(script: string): boolean {
  try {
    execFileSync('bash', ['-n'], { input: script, stdio: ['pipe', 'ignore', 'pipe'] });
    return true;
  } catch {
    return false;
  }
}

describe('transcripts', () => {
  it('run only the lines behind a prompt, with the lines they continue on', () => {
    const code = '$ kubectl get pods \\\n  -n x\nNAME  READY\n$ echo "a\n> b"\na\nb';
    expect(commands(code, 'console')).toEqual(['kubectl get pods \\\n  -n x\necho "a\nb"']);
  });

  it('are known by their first line in a shell fence too', () => {
    expect(commands('$ NODE=x\n\n$ debug "$NODE"\n# root-prompt\noutput', 'shell')).toEqual([
      'NODE=x\n\ndebug "$NODE"',
    ]);
  });

  it('run nothing when no line has a prompt', () => {
    expect(commands('kubectl get pods', 'console')).toEqual([]);
  });

  it('do not swallow output behind a command that never completes', () => {
    expect(commands("$ logs -l 'x\nlevel=error\n$ next", 'console')).toEqual(["logs -l 'x\nnext"]);
  });

  it('still fall into comment-led checks', () => {
    expect(commands('# A\n$ a\nout\n\n# B\n$ b\nout', 'console')).toEqual(['a', 'b']);
  });
});

describe('queries', () => {
  it('are one check a fence, or one a comment-led paragraph', () => {
    expect(commands('sum(\n\n  x\n)', 'promql')).toEqual(['sum(\n\n  x\n)']);
    expect(commands('# A (should be < 1)\na{x="("}\n\n# B\nb', 'promql')).toEqual(['a{x="("}', 'b']);
  });
});

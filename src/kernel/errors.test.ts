import { readFileSync } from 'node:fs';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { AllclearError, type ErrorCode, errorTable, systemCode, toAllclearError } from './errors.ts';

const docs = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');

describe('the table of errors', () => {
  it.each(Object.keys(errorTable) as ErrorCode[])('docs/errors.md explains %s and what to do', (code) => {
    const { exit, http, meaning } = errorTable[code];
    const section = docs.split(`\n## ${code}\n`)[1]?.split('\n## ')[0] ?? '';
    expect(section).toContain(meaning);
    expect(section.replace(meaning, '').trim().length).toBeGreaterThan(20);
    expect(docs).toContain(`| [${code}](#${code.toLowerCase()}) | ${exit} | ${http} |`);
  });

  it('has no code in the docs that the program does not know', () => {
    const documented = [...docs.matchAll(/^## (E_[A-Z_]+)$/gm)].map((match) => match[1]);
    expect(documented.filter((code) => !Object.hasOwn(errorTable, code!))).toEqual([]);
  });
});

describe('AllclearError', () => {
  it('names file and line in its message', () => {
    expect(new AllclearError('E_RULE_FILE', { what: 'no expr', file: 'a.yaml', line: 3 }).message).toBe(
      'a.yaml:3: no expr',
    );
    expect(new AllclearError('E_FILE_NOT_FOUND', { what: 'it does not exist', file: 'a.md' }).message).toBe(
      'a.md: it does not exist',
    );
  });

  it('is what anything thrown becomes: an abort is cancelled, the rest internal with its cause', () => {
    const own = new AllclearError('E_USAGE', { what: 'x' });
    expect(toAllclearError(own)).toBe(own);
    expect(toAllclearError(new DOMException('stopped by SIGINT', 'AbortError'))).toMatchObject({
      code: 'E_CANCELLED',
    });
    const bug = new TypeError('x is not a function');
    expect(toAllclearError(bug)).toMatchObject({ code: 'E_INTERNAL', exitCode: 3, cause: bug });
    expect(toAllclearError('text').message).toBe('text');
  });
});

describe('systemCode', () => {
  it('is read from any error, of another context too, and from nothing else', () => {
    expect(systemCode(Object.assign(new Error('x'), { code: 'ENOENT' }))).toBe('ENOENT');
    expect(systemCode(runInNewContext("Object.assign(new Error('x'), { code: 'ELATE' })"))).toBe('ELATE');
    expect([new Error('x'), { code: 3 }, null, 'ENOENT'].map(systemCode)).toEqual(Array(4).fill(undefined));
  });
});

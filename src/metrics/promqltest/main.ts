#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { AllclearError, systemCode, toAllclearError } from '../../kernel/index.ts';
import { runTestFile } from './run.ts';

const USAGE = `usage: npm run --silent promqltest -- [--explain] FILE…

Runs PromQL test files (Prometheus's promqltest notation) against the built-in evaluator and prints
one JSON line per file: {file, cases, agreed, unsupported, disagreed: [{line, query, expected, got}]}.

  --explain   say on stderr why each unsupported case is not counted

exit: 0 all supported cases agree, 1 some disagree, 2 a file cannot be read or is not of this form
`;

function read(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const missing = systemCode(error) === 'ENOENT';
    throw new AllclearError(missing ? 'E_FILE_NOT_FOUND' : 'E_FILE_UNREADABLE', {
      what: missing ? 'the file does not exist' : 'the file cannot be read',
      next: 'Check the path.',
      file,
      cause: error,
    });
  }
  if (!text.includes('\0')) return text;
  throw new AllclearError('E_FILE_BINARY', {
    what: 'the file is not text',
    next: 'Give a PromQL test file.',
    file,
  });
}

function main(args: readonly string[]): number {
  const explain = args.includes('--explain');
  const files = args.filter((arg) => !arg.startsWith('--'));
  if (args.includes('--help')) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (files.length === 0 || args.some((arg) => arg.startsWith('--') && arg !== '--explain')) {
    process.stderr.write(USAGE);
    return 2;
  }
  let exit = 0;
  for (const file of files) {
    try {
      const report = runTestFile(read(file), file, ({ line, query, reason }) => {
        if (explain) process.stderr.write(`${file}:${line}: unsupported: ${reason}: ${query}\n`);
      });
      process.stdout.write(`${JSON.stringify(report)}\n`);
      if (report.disagreed.length > 0) exit = Math.max(exit, 1);
    } catch (error) {
      const { code, message, details } = toAllclearError(error);
      process.stderr.write(`${code}: ${message}. ${details.next ?? ''}\n`);
      exit = 2;
    }
  }
  return exit;
}

process.exitCode = main(process.argv.slice(2));

import { AllclearError } from '../kernel/index.ts';
import type { Io } from './io.ts';

interface Choice<Value> {
  readonly name: string;
  readonly value: Value;
}

/** Asks a person; injected so that tests can answer. */
export interface Prompter {
  choose<Value>(message: string, choices: readonly Choice<Value>[], preferred?: Value): Promise<Value>;
  text(message: string): Promise<string>;
  confirm(message: string, preferred: boolean): Promise<boolean>;
}

/**
 * Questions at the terminal, on stderr: stdout carries data.
 * Ctrl-C at a question throws `E_CANCELLED`. The prompts are loaded when the first question is asked.
 */
export function terminalPrompter(io: Io): Prompter {
  const context = { output: process.stderr, signal: io.signal };
  return {
    choose: (message, choices, preferred) =>
      answered(async () => {
        const { select } = await import('@inquirer/prompts');
        return select({ message, choices: [...choices], default: preferred, loop: false }, context);
      }),
    text: (message) =>
      answered(async () => {
        const { input } = await import('@inquirer/prompts');
        return input({ message }, context);
      }),
    confirm: (message, preferred) =>
      answered(async () => {
        const { confirm } = await import('@inquirer/prompts');
        return confirm({ message, default: preferred }, context);
      }),
  };
}

async function answered<Value>(ask: () => Promise<Value>): Promise<Value> {
  try {
    return await ask();
  } catch (error) {
    const stopped = error instanceof Error && /^(ExitPrompt|AbortPrompt|CancelPrompt)Error$/.test(error.name);
    if (!stopped) throw error;
    throw new AllclearError('E_CANCELLED', { what: 'the question was not answered', cause: error });
  }
}

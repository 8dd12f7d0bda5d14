/**
 * What the agent is told when its tool call was not made, or was given up. It reads this as the result of the
 * tool, so it says what happened, whether anything was done, and when to try again.
 */
import { printable } from '../../kernel/index.ts';
import type { ToolRefusal } from './tools.ts';

const MAX_NAME_LENGTH = 100;

/** @param tool its name, from the wire */
export function refusalWords({ why, retryAfter }: ToolRefusal, tool: string): string {
  const again = `Retry only after ${retryAfter} s`;
  const name = shown(tool);
  switch (why) {
    case 'breaker':
      return `The tool ${name} is failing or not answering, so this call was not made and had no effect. ${again}; calls before that are refused too. If you can, go on without it.`;
    case 'held':
      return `The tool ${name} is switched off for now by an operator, so this call was not made and had no effect. ${again}, or go on without it.`;
    case 'busy':
      return `The tool ${name} has as many calls in progress as it may have, so this call was not made and had no effect. ${again}.`;
    case 'retry':
      return `This repeats a call of the tool ${name} that did not succeed or still runs, and too many calls are being repeated, so it was not made again. ${again}; repeating it earlier makes the tool slower for everybody. If you can, go on without it.`;
  }
}

/** @param cancelled whether the server could be told to stop */
export function timeoutWords(
  tool: string,
  timeoutSeconds: number,
  retryAfter: number,
  cancelled: boolean,
): string {
  const fate = cancelled ? 'it was cancelled' : 'it was given up; the server may still be working on it';
  return `The tool ${shown(tool)} did not answer within ${timeoutSeconds} s, so ${fate}. Whether it had an effect is unknown: check before you repeat a call that changes something. Retry only after ${retryAfter} s.`;
}

function shown(tool: string): string {
  return JSON.stringify(printable(tool.slice(0, MAX_NAME_LENGTH)));
}

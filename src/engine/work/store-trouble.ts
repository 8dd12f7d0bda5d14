import { AllclearError } from '../../kernel/index.ts';

/** True for errors of the store itself: it may be well again in a moment, and nothing is wrong with the work. */
export function isStoreTrouble(error: unknown): boolean {
  return error instanceof AllclearError && error.code.startsWith('E_STORE_');
}

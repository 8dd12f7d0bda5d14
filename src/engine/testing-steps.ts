/** Steps made by hand, for tests. */
import type { Step } from '../runbook/index.ts';

/** A step that runs the given commands as separate blocks; without any, a manual one. */
export function testStep(index: number, commands: readonly string[], changes: Partial<Step> = {}): Step {
  return {
    index,
    title: `Step ${index}`,
    prose: '',
    manual: commands.length === 0,
    risk: 'reversible',
    riskStated: false,
    blocks: commands.map((command) => ({
      name: null,
      language: 'bash',
      command,
      timeout: null,
      undo: null,
      attributes: {},
      line: 1,
    })),
    line: 1,
    ...changes,
  };
}

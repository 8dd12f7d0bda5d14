/** What the levers show of themselves as metrics. */
import type { Registry } from 'prom-client';
import { printable } from '../../kernel/index.ts';
import { gauge } from '../gauge.ts';
import { leverNumber } from '../policy/lever-definitions.ts';
import { parseKey } from '../policy/lever-key.ts';
import type { DeskLever } from './desk.ts';

const LABELS = ['name', 'tool'];

/** @param list all levers as they are now */
export function leverMetrics(list: () => readonly DeskLever[], registry: Registry): void {
  gauge(
    registry,
    'mcp_lever',
    'The value of each lever in force (as read, where commands move it), in the unit of its name; 0 is off or closed, 1 on or open, -1 auto, +Inf no retry budget.',
    (set) => {
      for (const { name, value, driven } of list()) {
        const number = leverNumber(parseKey(name).name, driven?.reads?.value ?? value);
        if (number !== null) set(labelsOf(name), number);
      }
    },
    LABELS,
  );
  gauge(
    registry,
    'mcp_lever_overdue',
    'Whether a lever that commands move should have gone back and has not: 1 or 0.',
    (set) => {
      for (const { name, driven } of list()) {
        if (driven) set(labelsOf(name), driven.state === 'overdue' ? 1 : 0);
      }
    },
    LABELS,
  );
}

function labelsOf(key: string): Record<string, string> {
  const { name, tool } = parseKey(key);
  return tool === null ? { name } : { name, tool: printable(tool) };
}

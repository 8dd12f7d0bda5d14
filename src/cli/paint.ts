import { styleText } from 'node:util';
import type { Io } from './io.ts';

export type Style = Parameters<typeof styleText>[0];
export type Paint = (style: Style, text: string) => string;

/** Colours text when this terminal shows colours; `io.colour` has looked at the streams already. */
export function painter(io: Pick<Io, 'colour'>): Paint {
  return (style, text) => (io.colour ? styleText(style, text, { validateStream: false }) : text);
}

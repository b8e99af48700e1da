import { styleText } from 'node:util';
import { LayerwrightError } from '../errors.ts';

/** An error as a person reads it: what, the program's own words, what next. An unknown error keeps its stack: it is our bug. */
export function renderError(error: unknown, style: { colour: boolean }): string {
  const paint = (format: Parameters<typeof styleText>[0], text: string) =>
    style.colour ? styleText(format, text, { validateStream: false }) : text;
  if (!(error instanceof LayerwrightError)) {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return `${paint('red', 'internal error:')} ${stack}\nThis is a bug in Layerwright: please report it with the lines above.\n`;
  }
  const lines = [
    ...(error.detail === undefined ? [] : [error.detail.trimEnd(), '']),
    `${paint('red', 'error:')} ${error.message} ${paint('dim', `[${error.code}]`)}`,
    ...(error.hint === undefined ? [] : [`${paint('cyan', 'hint:')} ${error.hint}`]),
  ];
  return `${lines.join('\n')}\n`;
}

import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import type { Host } from '../../src/host/host.ts';
import { testHost } from '../support/host.ts';
import { type SetClock, setClock } from './support.ts';

/** A terminal of that size: `shown` is what a person sees on it. */
export function terminal(columns = 72, rows = 24, clock: SetClock = setClock()) {
  const stream = Object.assign(new PassThrough({ encoding: 'utf8' }), { isTTY: true, columns, rows });
  const talkStream = stream as unknown as NodeJS.WriteStream;
  const output: Host['output'] = {
    data: () => assert.fail('a view writes no data'),
    talk: (text) => void stream.write(text),
    talkStream,
    live: true,
    colour: false,
    dataColour: false,
    columns: () => stream.columns,
  };
  let written = '';
  const read = () => {
    const part = (stream.read() as string | null) ?? '';
    written += part;
    return part;
  };
  return {
    host: testHost({ clock, output }),
    clock,
    stream,
    talkStream,
    /** What was written since this was asked last. */
    read,
    shown() {
      read();
      return linesOn(written);
    },
  };
}

/** The lines on a terminal to which this was written, by the control sequences that we and log-update use. */
function linesOn(text: string): readonly string[] {
  const lines = [''];
  let [row, column] = [0, 0];
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  for (const [, parameter, command, character] of text.matchAll(/\u001b\[([?\d]*)([A-Za-z])|([^\u001b])/g)) {
    const line = lines[row] ?? '';
    if (command === 'A') row = Math.max(0, row - Number(parameter || 1));
    else if (command === 'B') row = Math.min(lines.length - 1, row + Number(parameter || 1));
    else if (command === 'G' || character === '\r') column = 0;
    else if (command === 'K') lines[row] = parameter === '2' ? '' : line.slice(0, column);
    else if (command === 'J') lines.splice(row, lines.length, line.slice(0, column));
    else if (character === '\n') {
      row++;
      column = 0;
      lines[row] ??= '';
    } else if (character !== undefined) {
      lines[row] = line.slice(0, column).padEnd(column) + character + line.slice(column + 1);
      column++;
    } else assert.ok(command === 'h' || command === 'l' || command === 'm', `unknown: ${command}`);
  }
  return lines.join('\n').trimEnd().split('\n');
}

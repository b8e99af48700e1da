import { stripVTControlCharacters, TextDecoder } from 'node:util';

/** The last lines that a step printed. */
export interface StepLog {
  /** Oldest first; at most the limit. Without line ends, colours and control characters. */
  readonly lines: readonly string[];
  /** How many earlier lines were let go. */
  readonly dropped: number;
  /** What stands after the last line end: a line still being written, e.g. a progress bar. */
  readonly partial: string;
}

const MAX_LINE = 1_000;

/** Joins the chunks of one step's output to lines and keeps the last of them. */
export class LogTail implements StepLog {
  readonly lines: string[] = [];
  dropped = 0;
  readonly #limit: number;
  /** Standard output and error are decoded apart: a chunk may end within a character or a line. */
  readonly #streams = new Map<number, { decoder: TextDecoder; rest: string }>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get partial(): string {
    return [...this.#streams.values()].map((stream) => visible(stream.rest)).findLast(Boolean) ?? '';
  }

  /** Returns the lines that the chunk completed: all of them, also what is not kept. */
  add(stream: number, data: Uint8Array): readonly string[] {
    const state = this.#streams.get(stream) ?? { decoder: new TextDecoder(), rest: '' };
    this.#streams.set(stream, state);
    const parts = (state.rest + state.decoder.decode(data, { stream: true })).split('\n');
    // A line that never ends must not grow without bound.
    state.rest = (parts.pop() as string).slice(-8 * MAX_LINE);
    return parts.map((part) => this.#keep(part));
  }

  /** The step is over: what was begun is a line. Returns what this completed. */
  end(): readonly string[] {
    const begun = [...this.#streams.values()]
      .map((state) => state.rest)
      .filter((rest) => visible(rest) !== '');
    this.#streams.clear();
    return begun.map((rest) => this.#keep(rest));
  }

  #keep(raw: string): string {
    const line = visible(raw);
    this.lines.push(line);
    if (this.lines.length > this.#limit) {
      this.lines.shift();
      this.dropped++;
    }
    return line;
  }
}

/** What a terminal would show of the line at the end: the text after the last carriage return, without colours. */
function visible(raw: string): string {
  const text = stripVTControlCharacters(raw).replace(/\r+$/, '');
  return text
    .slice(text.lastIndexOf('\r') + 1)
    .replaceAll('\t', '    ')
    .replace(/\p{Cc}/gu, '')
    .slice(0, MAX_LINE)
    .trimEnd();
}

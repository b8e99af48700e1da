import { stripVTControlCharacters } from 'node:util';
import type { Output } from '../host/output.ts';
import { plainSteps, type Steps, silentSteps } from '../host/steps.ts';
import { painter } from './format.ts';
import { type LiveLines, liveLines } from './live-lines.ts';
import { isLive } from './steps.ts';
import type { ViewHost } from './view.ts';
import type { ProgressMode } from './views.ts';

/** Several builds that run side by side, told of on one terminal or in one log. */
export interface Lanes {
  /** The `--progress` of each of them. */
  readonly mode: ProgressMode;
  /** Of what they have in common. */
  readonly shared: Output;
  /** A build has begun. */
  readonly begin: (name: string) => Lane;
  /** Takes away what still moves. */
  readonly close: () => void;
}

/** What one build says. */
export interface Lane {
  readonly output: Output;
  readonly steps: Steps;
  /** @param outcome half a sentence: `composed in 3.2 s` */
  readonly end: (mark: 'done' | 'failed' | 'ended', outcome: string) => void;
}

/**
 * In a log every line has its build's name in front. On a terminal each build has one line that moves, with what it said last, and
 * what stays are notes and ends: BuildKit's steps of several builds would be no picture.
 *
 * @param names of all builds
 */
export function lanesFor(host: ViewHost, mode: ProgressMode, names: readonly string[]): Lanes {
  if (mode === 'quiet' || mode === 'rawjson') return bareLanes(host, mode);
  const width = Math.max(...names.map((name) => name.length));
  return isLive(host, mode) ? liveLanes(host, width) : namedLanes(host, width);
}

function bareLanes({ output }: ViewHost, mode: ProgressMode): Lanes {
  return {
    mode,
    shared: output,
    begin: () => ({ output, steps: silentSteps, end: () => {} }),
    close: () => {},
  };
}

function namedLanes({ output, clock }: ViewHost, width: number): Lanes {
  return {
    mode: 'plain',
    shared: output,
    begin(name) {
      const own = byLine(output, (line) => output.talk(`${name.padEnd(width)} | ${line}\n`));
      const end: Lane['end'] = (_mark, outcome) => own.talk(`${outcome}\n`);
      return { output: own, steps: plainSteps({ output: own, clock }), end };
    },
    close: () => {},
  };
}

function liveLanes(host: ViewHost, width: number): Lanes {
  const lines = liveLines(host);
  const { output } = host;
  const paint = painter(output.colour);
  const marks = { done: paint('green', '✓'), failed: paint('red', '✗'), ended: paint('dim', '-') };
  return {
    mode: 'plain',
    shared: byLine(output, sharedLine(lines)),
    begin(name) {
      const line = lines.begin(name);
      const show = (text: string) => line.retitle(`${name.padEnd(width)}  ${stripVTControlCharacters(text)}`);
      const own = byLine(output, show);
      return {
        output: own,
        steps: {
          step(title, work) {
            show(title);
            return work();
          },
          note: (text) => lines.say(`${name}: ${text}`),
        },
        end(mark, outcome) {
          line.end(() => `${marks[mark]} ${name}: ${outcome}`);
        },
      };
    },
    close: lines.close,
  };
}

/** A step in plain lines, `title ...` and `title: done in 1.2 s`, moves while it lasts; everything else stays. */
function sharedLine(lines: LiveLines): (line: string) => void {
  const running = new Map<string, ReturnType<LiveLines['begin']>>();
  return (text) => {
    const begun = /^(.*) \.\.\.$/.exec(text)?.[1];
    if (begun !== undefined) {
      running.set(begun, lines.begin(begun));
      return;
    }
    const title = /^(.*): done in /.exec(text)?.[1] ?? '';
    const line = running.get(title);
    running.delete(title);
    if (line === undefined) lines.say(text);
    else line.end(() => text);
  };
}

/** An output whose talk is taken line by line. */
function byLine(output: Output, take: (line: string) => void): Output {
  let rest = '';
  return {
    ...output,
    live: false,
    talk(text) {
      const lines = `${rest}${text}`.split('\n');
      rest = lines.pop() as string;
      for (const line of lines) if (line !== '') take(line);
    },
  };
}

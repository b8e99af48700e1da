/** Where data (stdout) and talk (stderr) go. */
export interface Output {
  /** Data: what a pipe after us reads. */
  readonly data: (text: string) => void;
  /** Talk: what a person reads. */
  readonly talk: (text: string) => void;
  /** The stream behind `talk`, for a live view. */
  readonly talkStream: NodeJS.WriteStream;
  /** True if talk goes to a terminal that can be redrawn. */
  readonly live: boolean;
  /** True if talk may carry colour (NO_COLOR, FORCE_COLOR, terminal, CI honoured). */
  readonly colour: boolean;
  /** The same for data, which may go elsewhere. */
  readonly dataColour: boolean;
  /** Width of the terminal in columns; 100 where there is none. */
  readonly columns: () => number;
}

/** This process's own standard streams. */
export function processOutput(env: NodeJS.ProcessEnv = process.env): Output {
  const isTerminal = process.stderr.isTTY === true && env.TERM !== 'dumb';
  const inCi = env.CI !== undefined && env.CI !== '' && env.CI !== 'false';
  const forced = env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== '0';
  const refused = env.NO_COLOR !== undefined && env.NO_COLOR !== '';
  // A reader that went away (`| head`) is no error of ours.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
  }
  return {
    data: (text) => void process.stdout.write(text),
    talk: (text) => void process.stderr.write(text),
    talkStream: process.stderr,
    live: isTerminal && !inCi,
    colour: !refused && (forced || isTerminal),
    dataColour: !refused && (forced || (process.stdout.isTTY === true && env.TERM !== 'dumb')),
    columns: () => process.stderr.columns || 100,
  };
}

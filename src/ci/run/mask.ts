/** Hides secret values in a stream of text. */
export interface Mask {
  /** The text with `***` for each secret. Text that may be the beginning of one is kept back until more comes. */
  readonly stream: (text: string) => string;
  /** What was kept back. */
  readonly rest: () => string;
  /** A whole text with `***` for each secret. */
  readonly whole: (text: string) => string;
  /** Whether a text has a secret in it. */
  readonly has: (text: string) => boolean;
  /** Hides these too from now on. */
  readonly add: (values: readonly string[]) => void;
}

/** Lines of a secret that are shorter say nothing and occur everywhere, as the `{` of a JSON document. */
const SHORTEST_LINE = 4;

/** A mask for these values, and for each line of those that have several. */
export function createMask(values: readonly string[] = []): Mask {
  let secrets: readonly string[] = [];
  let kept = '';
  const add = (more: readonly string[]) => {
    const lines = more.flatMap((value) =>
      value
        .split(/\r?\n/)
        .map((line) => line.trim())
        .filter((line) => line.length >= SHORTEST_LINE),
    );
    // The longest first: a secret may be a part of another one.
    secrets = [...new Set([...secrets, ...more, ...lines])]
      .filter((value) => value !== '')
      .sort((one, other) => other.length - one.length);
  };
  add(values);
  const whole = (text: string) => secrets.reduce((masked, secret) => masked.replaceAll(secret, '***'), text);
  return {
    whole,
    add,
    has: (text) => secrets.some((secret) => text.includes(secret)),
    stream(text) {
      const all = kept + text;
      const ready = readyLength(secrets, all);
      kept = all.slice(ready);
      return whole(all.slice(0, ready));
    },
    rest() {
      const text = whole(kept);
      kept = '';
      return text;
    },
  };
}

/** How much of the text can be written: not what may be the beginning of a secret, nor a part of one that is there. */
function readyLength(secrets: readonly string[], text: string): number {
  let ready = text.length - beginningOfAny(secrets, text);
  for (let before = -1; before !== ready; ) {
    before = ready;
    for (const secret of secrets) {
      const at = text.lastIndexOf(secret, ready - 1);
      if (at >= 0 && at + secret.length > ready) ready = at;
    }
  }
  return ready;
}

/** How many characters at the end of the text may be the beginning of a longer secret. */
function beginningOfAny(secrets: readonly string[], text: string): number {
  let longest = 0;
  for (const secret of secrets)
    for (let length = Math.min(secret.length - 1, text.length); length > longest; length--)
      if (secret.startsWith(text.slice(-length))) longest = length;
  return longest;
}

/**
 * The credentials in an environment, as far as they look like real ones: a word that a stand-in uses for one would be hidden
 * wherever it occurs.
 */
export function credentialsIn(env: NodeJS.ProcessEnv): readonly string[] {
  const id = env.AWS_ACCESS_KEY_ID ?? '';
  const long = [env.AWS_SECRET_ACCESS_KEY, env.AWS_SESSION_TOKEN].filter(
    (value) => value !== undefined && value.length >= 20,
  ) as string[];
  return [...(/^A[A-Z0-9]{15,}$/.test(id) ? [id] : []), ...long];
}

/**
 * Instructions as BuildKit understands them, before variables are put in: the words still have their quotes and `$NAME`s, as
 * {@link expand} takes them. Facts: moby/buildkit frontend/dockerfile/instructions.
 */
export type TypedInstruction =
  | EnvInstruction
  | ArgInstruction
  | CopyInstruction
  | RunInstruction
  | CommandInstruction
  | HealthcheckInstruction
  | WordInstruction
  | ListInstruction
  | UnknownInstruction;

interface Read {
  /** Where it begins in the file, from 1. */
  readonly line: number;
}

/** `ENV` and `LABEL`, old form (`ENV name value`) and new. */
export interface EnvInstruction extends Read {
  readonly kind: 'env' | 'label';
  readonly pairs: readonly { readonly key: string; readonly value: string }[];
}

/** `ARG`: the names are never expanded. */
export interface ArgInstruction extends Read {
  readonly kind: 'arg';
  readonly declared: readonly {
    readonly name: string;
    /** The default; undefined without `=`. */
    readonly value: string | undefined;
  }[];
}

/** A file whose content stands in the Dockerfile. */
export interface InlineFile {
  /** As written after `<<`, without quotes: the file's name. */
  readonly name: string;
  /** Leading tabs already away after `<<-`. */
  readonly content: string;
  /** Whether variables are put in, by `expand(content, ..., { ignoreQuotes: true })` with a backslash as escape. */
  readonly expand: boolean;
}

/** `COPY` and `ADD`; flags that stand in one of them only are undefined or empty in the other. */
export interface CopyInstruction extends Read {
  readonly kind: 'copy' | 'add';
  /** A stage by name or number, or an image; never expanded. `''` counts as none. */
  readonly from: string | undefined;
  readonly chown: string;
  readonly chmod: string;
  readonly link: boolean;
  readonly parents: boolean;
  /** Never expanded. */
  readonly excludes: readonly string[];
  readonly checksum: string;
  readonly keepGitDir: boolean | undefined;
  readonly unpack: boolean | undefined;
  readonly sources: readonly string[];
  readonly destination: string;
  readonly inline: readonly InlineFile[];
}

/** `RUN`. Its command is not expanded: the shell does that. */
export interface RunInstruction extends Read {
  readonly kind: 'run';
  /** The values of `--mount`; see {@link mountsOf}. */
  readonly mounts: readonly string[];
  readonly network: 'default' | 'none' | 'host';
  readonly security: 'sandbox' | 'insecure';
  readonly devices: readonly string[];
  readonly form: 'shell' | 'exec';
  /** Exec form: the program and its arguments. Shell form: one text, lines joined and comments left out, without heredocs. */
  readonly words: readonly string[];
  /**
   * Shell form: what the shell is given, heredocs put back or, if the command is nothing but one heredoc, its content.
   * A program of its own (`#!`) becomes `/dev/pipes/NAME`. Exec form: undefined.
   */
  readonly script: string | undefined;
  /** The program that a heredoc with `#!` is: its name and content. */
  readonly program: { readonly name: string; readonly content: string } | undefined;
}

/** `CMD`, `ENTRYPOINT`, `SHELL` (exec form only). */
export interface CommandInstruction extends Read {
  readonly kind: 'cmd' | 'entrypoint' | 'shell';
  readonly form: 'shell' | 'exec';
  /** Shell form: one text. */
  readonly words: readonly string[];
}

export interface HealthcheckInstruction extends Read {
  readonly kind: 'healthcheck';
  /** `NONE`; or `CMD` and words, or `CMD-SHELL` and a text. */
  readonly test: readonly string[];
  /** Nanoseconds, 0 if not given. */
  readonly interval: number;
  readonly timeout: number;
  readonly startPeriod: number;
  readonly startInterval: number;
  readonly retries: number;
}

/** Instructions with one text; ONBUILD's is the instruction that it keeps, heredocs included. */
export interface WordInstruction extends Read {
  readonly kind: 'workdir' | 'user' | 'stopsignal' | 'maintainer' | 'onbuild';
  readonly text: string;
}

export interface ListInstruction extends Read {
  readonly kind: 'expose' | 'volume';
  /** `EXPOSE`: sorted before they are expanded. */
  readonly words: readonly string[];
}

/** What is not surely understood, or what BuildKit refuses: let BuildKit do it, or say it. */
export interface UnknownInstruction extends Read {
  readonly kind: 'unknown';
  readonly keyword: string;
  /** Half a sentence. */
  readonly reason: string;
}

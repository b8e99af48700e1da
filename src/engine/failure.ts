import { EXIT, type ExitCode, LayerwrightError } from '../errors.ts';
import { HUB_LIMIT_HINT, loginHint, repositoryHint } from '../registry/hints.ts';

/** What buildx left behind when a build failed. */
export interface FailureFacts {
  /** The lines of standard error that were no progress, e.g. `ERROR: failed to build: ...`, in order. */
  readonly text: string;
  /** The step that failed, as BuildKit names it, e.g. `[final 2/3] RUN make`. */
  readonly step: string | undefined;
  /** The last lines that step printed. */
  readonly stepLog: readonly string[];
}

interface Kind {
  readonly code: string;
  readonly exit: ExitCode;
  /** Whether the same build may succeed a moment later. */
  readonly temporary?: boolean;
  readonly pattern: RegExp;
  /** What to do next; gets the match, the whole text and the failed step's name. */
  readonly hint?: (match: RegExpExecArray, text: string, step: string) => string | undefined;
}

/**
 * What BuildKit's and the registries' words mean, most specific first. The wordings are those of BuildKit v0.12 to v0.34,
 * buildx v0.12 to v0.38, distribution and Amazon ECR; what matches nothing is a failed build (1) with its own words.
 */
const KINDS: readonly Kind[] = [
  {
    code: 'DISK_FULL',
    exit: EXIT.temporary,
    pattern: /no space left on device|disk quota exceeded/i,
    hint: () =>
      'The builder has no disk space left: free some (docker buildx prune), or give the builder a larger disk.',
  },
  {
    code: 'RUN_FAILED',
    exit: EXIT.failed,
    pattern: /process "[\s\S]*" did not complete successfully: (?:exit code: \d+|[^\n]*)/,
  },
  {
    code: 'DOCKERFILE_INVALID',
    exit: EXIT.failed,
    pattern:
      /dockerfile parse error|failed to parse stage name|failed to process "[^"]*":|Unknown flag|unknown instruction/i,
  },
  { code: 'STAGE_UNKNOWN', exit: EXIT.failed, pattern: /target stage "?[^"\n]*"? could not be found/ },
  {
    code: 'NO_BUILDER',
    exit: EXIT.usage,
    pattern:
      /no builder "[^"]*" found|failed to find driver|no valid drivers found|failed to list workers|error while dialing: dial unix|Cannot connect to the Docker daemon|failed to connect to the docker API|failed to initialize builder|unable to (?:connect|dial)[^\n]*buildkit/i,
    hint: () =>
      'See which builders there are with `docker buildx ls`, or let Layerwright provision one: layerwright engine install.',
  },
  {
    code: 'NO_DOCKERFILE',
    exit: EXIT.usage,
    pattern: /failed to read dockerfile: open [^\n]*: no such file or directory/,
  },
  {
    code: 'TAG_IMMUTABLE',
    exit: EXIT.usage,
    pattern:
      /cannot be overwritten because the (?:repository|tag) is immutable|ImageTagAlreadyExists|tag is immutable/i,
    hint: () =>
      'The repository forbids moving a tag: push under a new one, e.g. {sha}. The cache needs a repository of its own then: --cache-repo.',
  },
  {
    code: 'REPOSITORY_UNKNOWN',
    exit: EXIT.usage,
    pattern: /repository with name '([^']+)' does not exist|name unknown|NAME_UNKNOWN/i,
    hint: (match, text) => repositoryHint(registryIn(text) ?? '', match[1] ?? repositoryIn(text) ?? ''),
  },
  {
    code: 'REGISTRY_RATE_LIMIT',
    exit: EXIT.temporary,
    temporary: true,
    pattern:
      /reached your (?:unauthenticated |authenticated )?pull rate limit|\bdocker\.(?:io|com)\/[^\n]*429 Too Many Requests/i,
    hint: () => HUB_LIMIT_HINT,
  },
  {
    code: 'REGISTRY_TEMPORARY',
    exit: EXIT.temporary,
    temporary: true,
    pattern:
      /429 Too Many Requests|toomanyrequests|unexpected status[^\n]*: 5\d\d|(?:500 Internal Server Error|502 Bad Gateway|503 Service Unavailable|504 Gateway Time-?out)/i,
  },
  {
    code: 'REGISTRY_DENIED',
    exit: EXIT.usage,
    pattern:
      /401 Unauthorized|403 Forbidden|insufficient_scope|authorization failed|access denied|access to the resource is denied|no basic auth credentials|UNAUTHORIZED|DENIED:|denied:/,
    hint: (_match, text) => loginHint(registryIn(text) ?? 'docker.io'),
  },
  {
    code: 'UNREACHABLE',
    exit: EXIT.temporary,
    temporary: true,
    pattern:
      /connection refused|connection reset by peer|i\/o timeout|no such host|TLS handshake timeout|server misbehaving|network is unreachable|context deadline exceeded|failed to do request[^\n]*EOF/i,
  },
  {
    code: 'CONTEXT_FILE_MISSING',
    exit: EXIT.failed,
    pattern: /failed to (?:calculate checksum|compute cache key)[^\n]*: "([^"]+)": not found/,
    hint(match, _text, step) {
      const from = /--from=(\S+)/.exec(step)?.[1];
      return from === undefined
        ? `${match[1]} is not in the build context, or .dockerignore leaves it out.`
        : `${match[1]} is not in ${from}: check the path, and what was built there.`;
    },
  },
  {
    code: 'IMAGE_UNKNOWN',
    exit: EXIT.failed,
    pattern: /failed to resolve source metadata for ([^\s:]+[^\s]*): [^\n]*not found/,
    hint: (match) => `No image ${match[1]} in that registry: check its name and tag in FROM or COPY --from.`,
  },
];

/** Turns a failed buildx run into our error: stable code, exit code, BuildKit's own words, and a hint. */
export function classifyFailure(facts: FailureFacts): LayerwrightError {
  const text = facts.text.trim();
  const log = facts.stepLog.join('\n');
  for (const kind of KINDS) {
    // A step's own output decides only whether the disk was full: any other word in it is the user's program speaking.
    const match = kind.pattern.exec(text) ?? (kind.code === 'DISK_FULL' ? kind.pattern.exec(log) : null);
    if (!match) continue;
    const hint = kind.hint?.(match, text, facts.step ?? '');
    return new LayerwrightError(messageOf(text, facts.step), {
      code: kind.code,
      exit: kind.exit,
      temporary: kind.temporary ?? false,
      ...(hint === undefined ? {} : { hint }),
      ...detailOf(facts),
    });
  }
  return new LayerwrightError(messageOf(text, facts.step), {
    code: 'BUILD_FAILED',
    exit: EXIT.failed,
    ...detailOf(facts),
  });
}

/** BuildKit's last `ERROR:` line without the wrapping that says nothing. */
function messageOf(text: string, step: string | undefined): string {
  const error =
    text.split('\n').findLast((line) => line.startsWith('ERROR: ')) ?? text.split('\n').at(-1) ?? '';
  const words = error
    .replace(/^ERROR: /, '')
    .replace(/^(?:failed to (?:build|solve): )+/, '')
    .replace(/^rpc error: code = \w+ desc = /, '')
    .trim();
  return step === undefined ? words || 'the build failed' : `${step}: ${words || 'failed'}`;
}

/** The excerpt of the Dockerfile that BuildKit prints, and the failed step's last output. */
function detailOf(facts: FailureFacts): { detail: string } | Record<never, never> {
  const excerpt = facts.text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('ERROR: '))
    .join('\n');
  const detail = [facts.stepLog.join('\n'), excerpt].filter(Boolean).join('\n\n');
  return detail === '' ? {} : { detail: detail.slice(-6000) };
}

function registryIn(text: string): string | undefined {
  return /(?:failed to push|failed to authorize|for|https?:\/\/)\s*([a-zA-Z0-9.-]+(?::\d+)?)\//.exec(
    text,
  )?.[1];
}

function repositoryIn(text: string): string | undefined {
  return /failed to push [^\s/]+\/([^\s:@]+)/.exec(text)?.[1];
}

import type { ReadFlags } from './flags.ts';
import { chomped, heredocMark } from './heredoc.ts';
import type { RunInstruction } from './instruction.ts';
import { jsonList } from './json-list.ts';
import { csvFields } from './mounts.ts';
import type { ScannedInstruction } from './scan.ts';

const NETWORKS = ['default', 'none', 'host'] as const;
const SECURITIES = ['sandbox', 'insecure'] as const;

/** Reads a RUN; see {@link readInstruction}. */
export function readRun(
  scanned: ScannedInstruction,
  { strings, lists }: ReadFlags,
): Omit<RunInstruction, 'line'> | string {
  const network = NETWORKS.find((one) => one === (strings.get('network') ?? 'default'));
  if (network === undefined) return `invalid network mode "${strings.get('network')}"`;
  const security = SECURITIES.find((one) => one === (strings.get('security') ?? 'sandbox'));
  if (security === undefined) return `security "${strings.get('security')}" is not valid`;
  const mounts = lists.get('mount') ?? [];
  const wrong = mounts.map(mountProblem).find((problem) => problem !== undefined);
  if (wrong !== undefined) return wrong;
  const list = jsonList(scanned.rest);
  if (list.kind === 'mixed') return 'a JSON list must be of strings only';
  const common = { kind: 'run', mounts, network, security, devices: lists.get('device') ?? [] } as const;
  if (list.kind === 'list')
    return { ...common, form: 'exec', words: list.items, script: undefined, program: undefined };
  return { ...common, form: 'shell', words: [scanned.rest], ...scriptOf(scanned) };
}

/** What BuildKit refuses before variables are known. */
function mountProblem(mount: string): string | undefined {
  const fields = csvFields(mount);
  if (fields === undefined) return `--mount=${mount} is no list of fields`;
  const from = fields.find((field) => /^from=/i.test(field))?.slice('from='.length);
  const dollar = from?.indexOf('$') ?? -1;
  return dollar >= 0 && dollar !== (from as string).length - 1
    ? "'from' of a mount doesn't support variable expansion"
    : undefined;
}

function scriptOf({ rest, heredocs }: ScannedInstruction): Pick<RunInstruction, 'script' | 'program'> {
  const [first] = heredocs;
  if (first === undefined) return { script: rest, program: undefined };
  if (heredocMark(rest) === undefined) {
    const bodies = heredocs.map(({ name, content }) => `\n${content}${name}`);
    return { script: rest + bodies.join(''), program: undefined };
  }
  const content = chomped(first);
  return content.startsWith('#!')
    ? { script: `/dev/pipes/${first.name}`, program: { name: first.name, content } }
    : { script: content, program: undefined };
}

import type { LockInput } from '../../src/lock/lock-input.ts';
import type { PythonFacts } from '../../src/python/facts.ts';
import { DEFAULT_PIP_OPTIONS, type PipOptions } from '../../src/python/recognise/pip-options.ts';
import { parseRequirements } from '../../src/python/requirements/requirement-file.ts';

const scheme = {
  ...{
    purelib: '/usr/lib/p',
    platlib: '/usr/lib/p',
    headers: '/usr/include',
    scripts: '/usr/bin',
    data: '/usr',
  },
};

export const FACTS: PythonFacts = {
  executable: '/usr/local/bin/python3.11',
  version: '3.11.2',
  cacheTag: 'cpython-311',
  scheme,
  libc: { kind: 'glibc', version: '2.36' },
  architecture: 'amd64',
  installed: [],
  pip: '23.0.1',
  externallyManaged: false,
  venv: undefined,
};

/** An input with these requirements, one a line. */
export function lockInput(
  requirements: string,
  more: {
    readonly constraints?: string;
    readonly options?: Partial<PipOptions>;
    readonly facts?: Partial<PythonFacts>;
    readonly installed?: Readonly<Record<string, string>>;
  } = {},
): LockInput {
  const parse = (text: string) => {
    const items = parseRequirements(text, 'requirements.txt');
    if ('reason' in items) throw new Error(items.reason);
    return items.flatMap((item) => ('requirement' in item ? [item.requirement] : []));
  };
  const installed = Object.entries(more.installed ?? {}).map(([name, version]) => ({
    ...{ name, version, metadata: `/usr/lib/p/${name}-${version}.dist-info`, removable: true },
  }));
  return {
    requirements: parse(requirements),
    constraints: parse(more.constraints ?? ''),
    options: { ...DEFAULT_PIP_OPTIONS, ...more.options },
    facts: { ...FACTS, installed, ...more.facts },
  };
}

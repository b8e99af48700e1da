import type { Launcher } from './entry-points.ts';
import type { InstallerTool } from './installer.ts';

/** The kernel reads this many bytes of a script's first line at most. */
const LONGEST_SHEBANG = 127;

/**
 * The first lines of a launcher. A path that the kernel cannot read there (too long, or with a space) is started by the shell:
 * what follows is a command for it and a string without effect for Python.
 *
 * @param executable the interpreter, absolute
 */
export function shebangOf(executable: string, tool: InstallerTool = 'pip'): string {
  const simple = `#!${executable}\n`;
  if (!executable.includes(' ') && Buffer.byteLength(simple) <= LONGEST_SHEBANG) return simple;
  const quoted = quotedFor(tool, executable);
  return `#!/bin/sh\n'''exec' ${quoted} "$0" "$@"\n' '''\n`;
}

/** pip quotes with double quotes where there is a space, Poetry with single ones, uv always. */
function quotedFor(tool: InstallerTool, executable: string): string {
  const single = `'${executable.replaceAll("'", `'"'"'`)}'`;
  if (tool === 'uv') return single;
  if (!executable.includes(' ')) return executable;
  return tool === 'poetry' ? single : `"${executable}"`;
}

/**
 * The text of a script that imports an entry point and calls it; the program's exit code is what it returns. Those of uv and
 * Poetry are theirs to the letter, pip's differ from version to version.
 */
export function launcherText(
  { module, object }: Launcher,
  executable: string,
  tool: InstallerTool = 'pip',
): string {
  const [imported = ''] = object.split('.', 1);
  const shebang = shebangOf(executable, tool);
  if (tool === 'uv') return uvLauncher(shebang, module, imported, object);
  if (tool === 'poetry') return poetryLauncher(shebang, module, imported, object);
  return `${shebang}import sys

from ${module} import ${imported}

if __name__ == '__main__':
    for ending in ('-script.pyw', '.exe'):
        if sys.argv[0].endswith(ending):
            sys.argv[0] = sys.argv[0][: -len(ending)]
            break
    sys.exit(${object}())
`;
}

function uvLauncher(shebang: string, module: string, imported: string, object: string): string {
  return `${shebang}# -*- coding: utf-8 -*-
import sys
from ${module} import ${imported}
if __name__ == "__main__":
    if sys.argv[0].endswith("-script.pyw"):
        sys.argv[0] = sys.argv[0][:-11]
    elif sys.argv[0].endswith(".exe"):
        sys.argv[0] = sys.argv[0][:-4]
    sys.exit(${object}())
`;
}

function poetryLauncher(shebang: string, module: string, imported: string, object: string): string {
  return `${shebang}# -*- coding: utf-8 -*-
import re
import sys
from ${module} import ${imported}
if __name__ == "__main__":
    sys.argv[0] = re.sub(r"(-script\\.pyw|\\.exe)?$", "", sys.argv[0])
    sys.exit(${object}())
`;
}

const PLACEHOLDER = Buffer.from('#!python');

/** True if a script of `*.data/scripts` begins with the placeholder that an installer replaces; 8 bytes are enough. */
export function hasPlaceholder(start: Uint8Array): boolean {
  return PLACEHOLDER.equals(start.subarray(0, PLACEHOLDER.length));
}

/** The script with its whole first line replaced by the interpreter: arguments go; only uv has the shell start one with a long path. */
export function withInterpreter(script: Uint8Array, executable: string, tool: InstallerTool = 'pip'): Buffer {
  const end = script.indexOf(0x0a);
  return Buffer.concat([
    Buffer.from(tool === 'uv' ? shebangOf(executable, tool) : `#!${executable}\n`),
    end < 0 ? Buffer.alloc(0) : script.subarray(end + 1),
  ]);
}

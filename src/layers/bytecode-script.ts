/**
 * What the compiling Python runs: sources come in on standard input, code objects go out on standard output, and nothing is
 * imported but built-in modules. For each distribution it forks: the child has seen nothing but this text, as a fresh process
 * would, without the start of one.
 *
 * In: a byte for each distribution; then the lengths of path and source (32 bits each, little-endian), path, source; eight
 * bytes of 255 at the end. Out: the length and the marshalled code; {@link NO_CODE} alone for a source that cannot be
 * compiled; {@link DONE} at the end, and a byte that is 0 if all went well.
 *
 * Marshalled bytes depend on which equal objects a process shares, so also on the names in this text: a change of it changes
 * layers, and with them the format of the keys.
 */
export const COMPILE_SCRIPT = `
import gc, marshal
from posix import _exit, fork, read, waitpid, write
def serve(read, write, dumps):
    while True:
        head = read(8)
        if len(head) < 8:
            return 1
        if head == b'\\xff' * 8:
            return 0
        path = read(int.from_bytes(head[:4], 'little')).decode()
        source = read(int.from_bytes(head[4:], 'little'))
        try:
            code = dumps(compile(source, path, 'exec', dont_inherit=True, optimize=0))
        except Exception:
            write(b'\\xff\\xff\\xff\\xff')
        else:
            write(len(code).to_bytes(4, 'little') + code)
gc.disable()
while read(0, 1):
    child = fork()
    if child == 0:
        out = open(1, 'wb', closefd=False)
        status = serve(open(0, 'rb', closefd=False).read, out.write, marshal.dumps)
        out.flush()
        _exit(status)
    write(1, b'\\xfe\\xff\\xff\\xff' + (b'\\x00' if waitpid(child, 0)[1] == 0 else b'\\x01'))
`.trimStart();

/** The length that stands for a source that cannot be compiled. */
export const NO_CODE = 0xffffffff;

/** The length that stands for the end of a distribution. */
export const DONE = 0xfffffffe;

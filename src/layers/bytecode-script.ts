/**
 * What the compiling Python runs: sources come in on standard input, code objects go out on standard output, and nothing is
 * imported but built-in modules. In: the lengths of path and source (32 bits each, little-endian), path, source. Out: the
 * length and the marshalled code; 2^32 - 1 alone for a source that cannot be compiled.
 *
 * Marshalled bytes depend on which equal objects a process shares, so also on the names in this text: a change of it changes
 * layers, and with them the format of the keys.
 */
export const COMPILE_SCRIPT = `
import gc, marshal, sys
def serve(read, write, dumps):
    while True:
        head = read(8)
        if len(head) < 8:
            break
        path = read(int.from_bytes(head[:4], 'little')).decode()
        source = read(int.from_bytes(head[4:], 'little'))
        try:
            code = dumps(compile(source, path, 'exec', dont_inherit=True, optimize=0))
        except Exception:
            write(b'\\xff\\xff\\xff\\xff')
        else:
            write(len(code).to_bytes(4, 'little') + code)
gc.disable()
serve(sys.stdin.buffer.read, sys.stdout.buffer.write, marshal.dumps)
sys.stdout.buffer.flush()
`.trimStart();

/** The length that stands for a source that cannot be compiled. */
export const NO_CODE = 0xffffffff;

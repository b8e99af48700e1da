import { platformText } from '../../dockerfile/platform.ts';
import { COMPILER_ENVIRONMENT } from '../../layers/bytecode.ts';
import { COMPILE_SCRIPT } from '../../layers/bytecode-script.ts';
import { JOB_CONTEXT, JOB_DIRECTORY, type SideJob } from '../solve/side-job.ts';

/** The build context with the orders, one directory a layer. */
const ORDERS_CONTEXT = 'layerwright-orders';
const ORDERS = '/run/layerwright/orders';
const OUT = '/run/layerwright/out';

/** The name of the file that says which Python has answered. */
export const VERSION_FILE = 'version';

/** What has to be compiled. */
export interface CompileOrder {
  /** For people. */
  readonly title: string;
  /** `HOST/PATH@sha256:...`, without triggers. */
  readonly image: string;
  readonly platform: SideJob['platform'];
  /** The interpreter in it, absolute. */
  readonly executable: string;
  /** Absolute; below it, in directories, the orders. What they come to has the same names. */
  readonly orders: string;
}

/** True if an interpreter has a path that a Dockerfile takes as it is. */
export function isPlainProgram(executable: string): boolean {
  return /^\/[A-Za-z0-9_./+@-]+$/.test(executable);
}

/**
 * A job that has the Python of an image compile, with nothing of the image's settings and without a network. Whose user it
 * is does not matter: of the stage only what it writes here is taken.
 */
export function compileJob({ title, image, platform, executable, orders }: CompileOrder): SideJob {
  const mounts = [
    ['--mount=type=bind', `from=${JOB_CONTEXT}`, `target=${JOB_DIRECTORY}`],
    ['--mount=type=bind', `from=${ORDERS_CONTEXT}`, `target=${ORDERS}`],
  ].map((words) => words.join(','));
  const command = JSON.stringify([executable, '-I', '-S', `${JOB_DIRECTORY}/job.py`]);
  return {
    title,
    platform,
    dockerfile: [
      `FROM --platform=${platformText(platform)} ${image} AS layerwright-compiler`,
      'USER 0:0',
      `RUN --network=none ${mounts.join(' ')} ${command}`,
      'FROM scratch',
      `COPY --from=0 ${OUT}/ /`,
      '',
    ].join('\n'),
    files: {
      'job.py': JOB_PROGRAM,
      'compile.py': COMPILE_SCRIPT,
      'job.json': JSON.stringify({ orders: ORDERS, out: OUT, environment: COMPILER_ENVIRONMENT }),
    },
    contexts: { [ORDERS_CONTEXT]: orders },
    secret: {},
  };
}

/** Starts the compiling script once for each distribution, as many at a time as there are processors. */
const JOB_PROGRAM = `
import json, os, subprocess, sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import MAGIC_NUMBER

here = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(here, 'job.json')) as file:
    job = json.load(file)
with open(os.path.join(here, 'compile.py')) as file:
    script = file.read()
environment = job['environment']
# Without it this very program would not run in some images.
if "LD_LIBRARY_PATH" in os.environ:
    environment = dict(environment, LD_LIBRARY_PATH=os.environ["LD_LIBRARY_PATH"])
os.makedirs(job['out'])
with open(os.path.join(job['out'], '${VERSION_FILE}'), 'w') as file:
    file.write('%s %d.%d.%d %d %s' % ((sys.implementation.name,) + sys.version_info[:3]
        + (int.from_bytes(MAGIC_NUMBER[:2], 'little'), sys.abiflags or '-')))

def answer(order):
    source = os.path.join(job['orders'], order)
    target = os.path.join(job['out'], order)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    command = [sys.executable, '-s', '-S', '-W', 'ignore', '-c', script]
    with open(source, 'rb') as read, open(target, 'wb') as written:
        subprocess.run(command, stdin=read, stdout=written, env=environment, cwd='/', check=True)

orders = [os.path.join(layer, name) for layer in sorted(os.listdir(job['orders']))
    for name in sorted(os.listdir(os.path.join(job['orders'], layer)))]
with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
    for _ in pool.map(answer, orders):
        pass
`.trimStart();

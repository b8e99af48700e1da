/**
 * Makes what is published: `dist/cli.js`, `dist/index.js`, `dist/testing` and the threads' files with everything they import, type declarations,
 * the pinned Go modules of the engine, and the licences of what was bundled.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '..');
const dist = join(root, 'dist');

rmSync(dist, { recursive: true, force: true });
const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: [
    { in: 'src/cli.ts', out: 'cli' },
    { in: 'src/index.ts', out: 'index' },
    { in: 'src/testing/registry.ts', out: 'testing/registry' },
    // Threads are started from a file beside the one that starts them.
    { in: 'src/layers/layer-worker.ts', out: 'layer-worker' },
  ],
  outdir: dist,
  bundle: true,
  splitting: true,
  platform: 'node',
  target: 'node22.18',
  format: 'esm',
  metafile: true,
  minifySyntax: true,
  legalComments: 'none',
  logLevel: 'warning',
  // CommonJS packages in the bundle call require for Node's own modules.
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
});

for (const name of readdirSync(join(root, 'src', 'engine')))
  if (existsSync(join(root, 'src', 'engine', name, 'go.mod')))
    cpSync(join(root, 'src', 'engine', name), join(dist, name), { recursive: true });

execFileSync(
  process.execPath,
  [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '--project', join(root, 'tsconfig.publish.json')],
  { cwd: root, stdio: 'inherit' },
);

const bundled = new Set(
  Object.keys(metafile.inputs).flatMap(
    (path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? [],
  ),
);
const notices = [...bundled].sort().map((name) => {
  const directory = join(root, 'node_modules', name);
  const { version, license } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as {
    version: string;
    license: string;
  };
  const file = readdirSync(directory).find((entry) => /^licen[cs]e/i.test(entry));
  // Some packages of the AWS SDK only name their licence, which is ours too.
  if (file === undefined && license !== 'Apache-2.0')
    throw new Error(`${name} has no licence file: it cannot be bundled`);
  const path = file === undefined ? join(root, 'LICENSE') : join(directory, file);
  return `${name} ${version} (${license})\n\n${readFileSync(path, 'utf8').trim()}\n`;
});
mkdirSync(dist, { recursive: true });
writeFileSync(join(dist, 'THIRD-PARTY-LICENSES.txt'), notices.join(`\n${'-'.repeat(78)}\n\n`));

#!/usr/bin/env node
// Plain JavaScript that any Node can read: in a checkout it runs src, in the published package the bundle.
// On a Node that is too old it runs itself on the newer one that the checkout brought, or says so in one line.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const NEEDED = [22, 18];

function isNewEnough() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  return major > NEEDED[0] || (major === NEEDED[0] && minor >= NEEDED[1]);
}

/** The Node that `npm ci` put into the checkout, if this is one. */
function checkoutNode(root) {
  try {
    const require = createRequire(join(root, 'package.json'));
    return join(
      dirname(require.resolve(`node-${process.platform}-${process.arch}/package.json`)),
      'bin',
      'node',
    );
  } catch {
    // Not a checkout, or a platform without that package: there is no other Node to run on.
    return undefined;
  }
}

/** Runs this launcher on another Node; signals go to it, and its end is ours. */
function runOn(node) {
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    process.stderr.write(`layerwright: cannot run ${node}: ${error.message}\n`);
    process.exitCode = 70;
  });
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + (constants.signals[signal] ?? 0);
  });
}

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const source = join(root, 'src', 'cli.ts');
const bundle = join(root, 'dist', 'cli.js');
// The published package has no src.
const entry = existsSync(source) ? source : bundle;

if (isNewEnough()) {
  const { main } = await import(pathToFileURL(entry).href);
  await main();
} else {
  const node = checkoutNode(root);
  if (node) runOn(node);
  else {
    process.stderr.write(
      `layerwright: this is Node ${process.versions.node}, but ${NEEDED.join('.')} or newer is needed: install it from https://nodejs.org or with your version manager.\n`,
    );
    process.exitCode = 2;
  }
}

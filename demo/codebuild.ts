/**
 * From an empty checkout of the example to a pushed image through CodeBuild's buildspec, on this machine:
 * `npm run demo:ci`. Three runs, each on a host that has nothing: nothing known, nothing changed, the layer cache deleted.
 */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryDirectory } from '../src/host/files.ts';
import type { Host } from '../src/host/host.ts';
import { formatBytes, formatSeconds } from '../src/report/format.ts';
import { stepsFor } from '../src/report/steps.ts';
import { type Download, downloadsOf } from '../testbed/downloads.ts';
import { startTestbed, type Testbed } from '../testbed/testbed.ts';
import { LAUNCHER, timed } from './build.ts';
import { asRoot } from './main.ts';
import { checkOut, type Project } from './project.ts';
import { table } from './table.ts';

const MANIFESTS = 'application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json';

/** The command as a checkout has it, and as it is shown. */
function layerwright(...words: string[]) {
  return { shown: ['layerwright', ...words], command: [process.execPath, LAUNCHER, ...words] };
}

/** One run on a host that has neither a builder's cache nor directories. */
async function freshRun(host: Host, testbed: Testbed, project: Project, name: string): Promise<string[]> {
  await testbed.freshBuilder();
  await rm('/tmp/stages-chat', { recursive: true, force: true });
  const before = (await downloadsOf(testbed.dir)).length;
  const { LW_REGISTRY: registry, LW_S3_BUCKET: bucket } = testbed.env;
  const words = ['--env', `ECR_REPOSITORY_URI=${registry}/demo/chat`, '--store', `s3://${bucket}/chat`];
  const run = layerwright('ci', 'run', ...words);
  const { seconds, pushedBytes } = await timed(host, testbed, project, run);
  const downloads = (await downloadsOf(testbed.dir)).slice(before);
  return [
    name,
    formatSeconds(seconds),
    formatBytes(pushedBytes),
    fetched(downloads, 'file'),
    fetched(downloads, 'browser'),
  ];
}

function fetched(downloads: readonly Download[], kind: Download['kind']): string {
  const found = downloads.filter((one) => one.kind === kind);
  return found.length === 0 ? 'none' : formatBytes(found.reduce((sum, { bytes }) => sum + bytes, 0));
}

async function deleteLayerCache(host: Host, testbed: Testbed): Promise<void> {
  const url = `http://${testbed.env.LW_REGISTRY}/v2/demo/chat/manifests`;
  const found = await host.fetch(`${url}/cache`, { headers: { accept: MANIFESTS } });
  await found.body?.cancel();
  await host.fetch(`${url}/${found.headers.get('docker-content-digest')}`, { method: 'DELETE' });
}

async function demo(host: Host): Promise<void> {
  const steps = stepsFor(host);
  await using directory = await temporaryDirectory('lw-codebuild-');
  const parts = ['registry', 's3', 'downloads', 'images', 'builder'] as const;
  const testbed = await startTestbed(host, { dir: join(directory.path, 'testbed'), parts }, steps);
  const rows: string[][] = [];
  try {
    const example = join(import.meta.dirname, '..', 'examples', 'chat');
    const project = await checkOut(host, example, join(directory.path, 'chat'));
    const { LW_PACKAGE_INDEX: index, LW_BROWSER_HOST: browsers } = testbed.env;
    await writeFile(
      join(project.directory, 'layerwright.yml'),
      `build:\n  buildArgs:\n    PIP_INDEX_URL: ${index}\n    PLAYWRIGHT_DOWNLOAD_HOST: ${browsers}\n`,
    );
    const generate = layerwright('ci', 'generate', 'codebuild', '--file', 'Dockerfile.browsers');
    await timed(host, testbed, project, generate);
    rows.push(await freshRun(host, testbed, project, 'nothing known'));
    rows.push(await freshRun(host, testbed, project, 'nothing changed'));
    await deleteLayerCache(host, testbed);
    rows.push(await freshRun(host, testbed, project, 'layer cache deleted'));
  } finally {
    await testbed.stop();
    await rm('/tmp/stages-chat', { recursive: true, force: true });
  }
  host.output.talk('\n');
  host.output.data(table(['run', 'seconds', 'pushed', 'wheels downloaded', 'browsers downloaded'], rows, 1));
}

await asRoot(demo);

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFile, rm, symlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { silentSteps } from '../../src/host/steps.ts';
import { downloadsOf } from '../../testbed/downloads.ts';
import { openTestbed } from '../../testbed/testbed.ts';
import { git, layerwright, projectOf, testbedVariable } from '../commands/launch.ts';
import { testHost } from '../support/host.ts';

const withLogin = testbedVariable('LW_REGISTRY_AUTH');
const testbedDirectory = testbedVariable('LW_TESTBED_DIR');
const AUTH = Buffer.from(
  `${testbedVariable('LW_REGISTRY_AUTH_USER')}:${testbedVariable('LW_REGISTRY_AUTH_PASSWORD')}`,
).toString('base64');

/** A service whose wheels and whose Playwright download are in stages of their own. */
const DOCKERFILE = `FROM python:3.11-slim AS base
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends libatomic1

FROM base AS download-wheels
COPY requirement.txt /
RUN pip download --no-cache-dir --index-url ${testbedVariable('LW_PACKAGE_INDEX')} --dest /wheels -r /requirement.txt

FROM scratch AS wheels
COPY --from=download-wheels /wheels /

FROM base AS dependencies
COPY requirement.txt /
RUN --mount=type=bind,from=wheels,target=/wheels pip install --no-index --find-links /wheels -r /requirement.txt

FROM dependencies AS download-browsers
RUN PLAYWRIGHT_DOWNLOAD_HOST=${testbedVariable('LW_BROWSER_HOST')} PLAYWRIGHT_BROWSERS_PATH=/browsers playwright install ffmpeg

FROM scratch AS browsers
COPY --from=download-browsers /browsers /

FROM dependencies
COPY --link --from=browsers / /opt/browsers
COPY --link app.py /app/
CMD ["python", "/app/app.py"]
`;

for (const form of ['layerwright', 'classic'] as const) {
  test(`the generated buildspec, ${form} form: pushed by commit, cached by layers, then by directories`, async () => {
    await using project = await projectOf({
      Dockerfile: DOCKERFILE,
      'requirement.txt': 'playwright==1.65.2\ngreenlet==3.5.6\npyee==13.0.1\ntyping-extensions==4.16.0\n',
      'app.py': 'print("hello")\n',
      '.dockerignore': '.git\nbuildspec.yml\nimagedefinitions.json\n.layerwright\ndocker\n',
      '.gitignore': 'docker\n',
      'docker/config.json': JSON.stringify({ auths: { [withLogin]: { auth: AUTH } } }),
    });
    await git(project.path, 'init', '--quiet');
    await git(project.path, 'add', '--all');
    await git(project.path, 'commit', '--quiet', '--message', 'one');
    const sha = await git(project.path, 'rev-parse', 'HEAD');
    const repository = `run-${randomUUID().slice(0, 8)}/app`;
    const uri = `${withLogin}/${repository}`;
    const stages = `/tmp/stages-${basename(project.path)}`;
    const testbed = await openTestbed(testHost(), testbedDirectory, silentSteps);
    await testbed.docker();
    // The Docker command line finds its plugins beside its logins.
    const plugins = join(testbed.env.DOCKER_CONFIG ?? '', 'cli-plugins');
    await symlink(plugins, join(project.path, 'docker', 'cli-plugins'));

    const command = async (...args: string[]) => {
      const env = {
        ...testbed.env,
        DOCKER_CONFIG: join(project.path, 'docker'),
        ...{ CODEBUILD_RESOLVED_SOURCE_VERSION: undefined, GITHUB_SHA: undefined, CI_COMMIT_SHA: undefined },
      };
      const result = await layerwright(args, { cwd: project.path, env });
      assert.equal(result.exitCode, 0, `${result.stdout}\n${result.stderr}`);
      return result;
    };
    /** A run on a host that has nothing: neither a builder's cache nor directories. */
    const freshRun = async () => {
      await testbed.freshBuilder();
      await rm(stages, { recursive: true, force: true });
      await rm(join(project.path, 'imagedefinitions.json'), { force: true });
      const store = `s3://${testbedVariable('LW_S3_BUCKET')}/${repository}`;
      return await command('ci', 'run', '--json', '--env', `ECR_REPOSITORY_URI=${uri}`, '--store', store);
    };
    const asked = async () => (await downloadsOf(testbedDirectory)).length;

    try {
      await command('ci', 'generate', 'codebuild', ...(form === 'classic' ? ['--classic'] : []));
      const before = await asked();
      const first = await freshRun();
      assert.ok((await asked()) > before, 'the first run downloads');
      assert.match(first.stderr, form === 'classic' ? /Layer cache: miss/ : /:cache: none yet, written/);
      assert.deepEqual(JSON.parse(await readFile(join(project.path, 'imagedefinitions.json'), 'utf8')), [
        { name: 'app', imageUri: `${uri}:${sha}` },
      ]);
      const digest = await digestOf(repository, sha);
      assert.ok(digest, 'pushed by commit');

      const second = await freshRun();
      assert.match(second.stderr, form === 'classic' ? /Layer cache: hit/ : /:cache: found \(\d+ layers\)/);
      assert.equal(await digestOf(repository, sha), digest);

      const downloads = await asked();
      await deleteLayerCache(repository);
      const third = await freshRun();
      assert.match(
        third.stderr,
        form === 'classic' ? /Layer cache: miss/ : /\(stage wheels\): stood for the stage/,
      );
      assert.equal(await asked(), downloads, 'neither the package index nor the browser host was asked');
      assert.ok(await digestOf(repository, sha));
      const said = [first, second, third].map(({ stdout, stderr }) => stdout + stderr).join('');
      assert.ok(!said.includes(AUTH), 'no credential is printed');
    } finally {
      await rm(stages, { recursive: true, force: true });
    }
  });
}

const headers = {
  authorization: `Basic ${AUTH}`,
  accept: 'application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json',
};

async function digestOf(repository: string, reference: string): Promise<string | null> {
  const url = `http://${withLogin}/v2/${repository}/manifests/${reference}`;
  const response = await fetch(url, { headers, method: 'HEAD' });
  return response.ok ? response.headers.get('docker-content-digest') : null;
}

async function deleteLayerCache(repository: string): Promise<void> {
  const digest = await digestOf(repository, 'cache');
  const url = `http://${withLogin}/v2/${repository}/manifests/${digest}`;
  assert.equal((await fetch(url, { headers, method: 'DELETE' })).status, 202);
  assert.equal(await digestOf(repository, 'cache'), null);
}

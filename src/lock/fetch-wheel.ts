import { createHash, type Hash, randomBytes } from 'node:crypto';
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { EXIT, LayerwrightError } from '../errors.ts';
import { kindOf, sha256OfFile } from '../host/files.ts';
import type { Host } from '../host/host.ts';
import { connectionError, withRetries } from '../host/http.ts';
import type { LockedWheel } from '../python/lock.ts';
import type { IndexCredential } from './index-url.ts';
import { deniedError, requestOnce } from './request.ts';

/**
 * Fetches a wheel to a directory, streamed, and checks its hash. A broken connection is taken up again where it broke. A file that
 * is there already with the right hash is taken.
 *
 * @param directory made if it is not there
 * @returns the path of the wheel, which is there only whole and checked
 * @throws LayerwrightError `WHEEL_HASH_MISMATCH` (1), `WHEEL_MISSING` (1), `INDEX_UNREACHABLE` (75), `INDEX_DENIED` (2)
 */
export async function fetchWheel(
  host: Host,
  wheel: LockedWheel,
  directory: string,
  credentials: readonly IndexCredential[] = [],
): Promise<string> {
  // Named by its hash too: two indexes may have different files of one name. An index must not choose the path.
  const path = join(directory, `${wheel.sha256.slice(0, 16)}-${safeName(wheel)}`);
  if ((await kindOf(path)) === 'file' && (await sha256OfFile(path)) === wheel.sha256) return path;
  await mkdir(directory, { recursive: true });
  const partial = `${path}.${randomBytes(4).toString('hex')}.partial`;
  try {
    await download(host, wheel, partial, credentials);
    await rename(partial, path);
  } finally {
    await rm(partial, { force: true });
  }
  return path;
}

/**
 * Fetches a wheel of which only the address is known, streamed.
 *
 * @param directory made if it is not there
 * @throws LayerwrightError as {@link fetchWheel}
 */
export async function fetchAddressed(
  host: Host,
  { url, filename }: Pick<LockedWheel, 'url' | 'filename'>,
  directory: string,
): Promise<{ readonly path: string; readonly wheel: LockedWheel }> {
  const unknown = { url, filename, sha256: undefined, size: undefined };
  const name = safeName(unknown);
  await mkdir(directory, { recursive: true });
  const partial = join(directory, `${name}.${randomBytes(4).toString('hex')}.partial`);
  try {
    const { sha256, size } = await download(host, unknown, partial, []);
    const path = join(directory, `${sha256.slice(0, 16)}-${name}`);
    await rename(partial, path);
    return { path, wheel: { url, filename, sha256, size } };
  } finally {
    await rm(partial, { force: true });
  }
}

/** A wheel to download; its hash is checked where it is known. */
type Wanted = Omit<LockedWheel, 'sha256'> & { readonly sha256: string | undefined };

function safeName({ filename }: Wanted): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._+!-]*\.whl$/.test(filename)) return filename;
  throw new LayerwrightError(`"${filename}" is no name of a wheel`, {
    code: 'WHEEL_MISSING',
    exit: EXIT.failed,
    hint: 'The package index offers a file under a name that no wheel has.',
  });
}

interface Download {
  readonly file: FileHandle;
  hash: Hash;
  /** Bytes that are written and hashed. */
  size: number;
}

async function download(
  host: Host,
  wheel: Wanted,
  path: string,
  credentials: readonly IndexCredential[],
): Promise<{ readonly sha256: string; readonly size: number }> {
  const file = await open(path, 'wx');
  try {
    const state: Download = { file, hash: createHash('sha256'), size: 0 };
    await withRetries(() => attempt(host, wheel, state, credentials), host.signal);
    const { size } = state;
    const sha256 = state.hash.digest('hex');
    checkHash(wheel, sha256, size);
    return { sha256, size };
  } finally {
    await file.close();
  }
}

/** One connection; what it brought stays for the next. */
async function attempt(
  host: Host,
  wheel: Wanted,
  state: Download,
  credentials: readonly IndexCredential[],
): Promise<void> {
  // A compressed transfer has other bytes and other ranges than the file.
  const headers = {
    'accept-encoding': 'identity',
    ...(state.size > 0 ? { range: `bytes=${state.size}-` } : {}),
  };
  const response = await requestOnce(host, { url: wheel.url, headers, credentials });
  if (response.status === 200 || response.status === 416) await restart(state);
  else if (response.status !== 206 || !continuesAt(response, state.size)) {
    await response.body?.cancel();
    throw response.status === 403
      ? deniedError(new URL(wheel.url).host, 403)
      : missing(wheel, response.status);
  }
  if (response.status === 416) throw temporary(wheel, 'the file has changed on the way');
  await receive(host, wheel, response, state);
}

function continuesAt(response: Response, size: number): boolean {
  return response.headers.get('content-range')?.startsWith(`bytes ${size}-`) ?? false;
}

async function restart(state: Download): Promise<void> {
  await state.file.truncate(0);
  state.hash = createHash('sha256');
  state.size = 0;
}

async function receive(host: Host, wheel: Wanted, response: Response, state: Download): Promise<void> {
  try {
    for await (const chunk of response.body ?? []) {
      await state.file.write(chunk, 0, chunk.length, state.size);
      state.hash.update(chunk);
      state.size += chunk.length;
      // The index said how long it is: more is no wheel of this lock, however long it goes on.
      if (wheel.size !== undefined && state.size > wheel.size) break;
    }
  } catch (error) {
    throw connectionError(error, `package index ${new URL(wheel.url).host}`, host.signal);
  }
  // An answer that says its length has come whole: then the file is another one, as its hash will tell.
  if (wheel.size !== undefined && state.size < wheel.size && !response.headers.has('content-length'))
    throw temporary(wheel, `${state.size} of ${wheel.size} bytes came`);
}

function temporary(wheel: Wanted, why: string): LayerwrightError {
  return new LayerwrightError(`${wheel.filename} from ${new URL(wheel.url).host}: ${why}`, {
    code: 'INDEX_UNREACHABLE',
    exit: EXIT.temporary,
  });
}

function missing(wheel: Wanted, status: number): LayerwrightError {
  return new LayerwrightError(`${wheel.filename} is not at ${new URL(wheel.url).host} (HTTP ${status})`, {
    code: 'WHEEL_MISSING',
    exit: EXIT.failed,
    hint: 'If it was removed from the index, resolve again or pin another version.',
  });
}

function checkHash(wheel: Wanted, got: string, size: number): void {
  if (wheel.sha256 === undefined || got === wheel.sha256) return;
  throw new LayerwrightError(
    `${wheel.filename} has not the hash of the lock: expected sha256:${wheel.sha256}, got sha256:${got} (${size} bytes)`,
    {
      code: 'WHEEL_HASH_MISMATCH',
      exit: EXIT.failed,
      hint: 'The index or a proxy on the way gives other bytes than it says. Do not use it before you know why.',
    },
  );
}

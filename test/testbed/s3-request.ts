import { createHash, createHmac } from 'node:crypto';

/** Credentials and address of an S3 server. */
export interface S3Access {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/**
 * One request signed by hand after AWS Signature Version 4, so that the server's own check is what is tested.
 *
 * @param path `/bucket/key`, of characters that need no encoding
 */
export async function s3Request(
  access: S3Access,
  method: string,
  path: string,
  body = '',
): Promise<Response> {
  const url = new URL(path, access.endpoint);
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const date = time.slice(0, 8);
  const headers: Record<string, string> = {
    host: url.host,
    'x-amz-content-sha256': sha256(body),
    'x-amz-date': time,
  };
  const names = Object.keys(headers).sort();
  const canonical = [
    ...[method, url.pathname, ''],
    ...names.map((name) => `${name}:${headers[name]}`),
    ...['', names.join(';'), sha256(body)],
  ].join('\n');
  const scope = `${date}/${access.region}/s3/aws4_request`;
  const text = ['AWS4-HMAC-SHA256', time, scope, sha256(canonical)].join('\n');
  const key = [date, access.region, 's3', 'aws4_request'].reduce<string | Buffer>(
    (previous, part) => hmac(previous, part),
    `AWS4${access.secretAccessKey}`,
  );
  const credential = `Credential=${access.accessKeyId}/${scope}`;
  const signature = `Signature=${hmac(key, text).toString('hex')}`;
  const authorization = `AWS4-HMAC-SHA256 ${credential}, SignedHeaders=${names.join(';')}, ${signature}`;
  const { host: _setByFetch, ...sent } = headers;
  return await fetch(url, {
    method,
    headers: { ...sent, authorization },
    ...(method === 'PUT' ? { body } : {}),
  });
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

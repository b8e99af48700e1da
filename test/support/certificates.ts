import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIPv4 } from 'node:net';

/** A certificate with its key, both in PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** A certificate authority that signs certificates of servers. */
export interface Authority extends Certificate {
  /** A server's certificate for these host names and IPv4 addresses. */
  readonly serverCertificate: (...names: string[]) => Certificate;
}

/** Makes a certificate authority that nobody knows. DER by hand (X.509, RFC 5280): Node reads certificates and makes none. */
export function makeAuthority(name = 'Layerwright test authority'): Authority {
  const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const issuer = { name, key: own.privateKey };
  const usage = der(0x03, hex('0106'));
  const isAuthority = [
    extension('551d13', true, der(0x30, der(0x01, hex('ff')))),
    extension('551d0f', true, usage),
  ];
  return {
    ...pem(certificate(name, own.publicKey, issuer, isAuthority), own.privateKey),
    serverCertificate(...names) {
      const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const alternatives = names.map((one) =>
        isIPv4(one) ? der(0x87, Buffer.from(one.split('.').map(Number))) : der(0x82, Buffer.from(one)),
      );
      const extensions = [
        extension('551d11', false, der(0x30, ...alternatives)),
        extension('551d25', false, der(0x30, oid('2b06010505070301'))),
      ];
      return pem(certificate(names[0] ?? '', pair.publicKey, issuer, extensions), pair.privateKey);
    },
  };
}

function certificate(
  subject: string,
  publicKey: KeyObject,
  issuer: { name: string; key: KeyObject },
  extensions: readonly Buffer[],
): Buffer {
  const algorithm = der(0x30, oid('2a8648ce3d040302'));
  const content = der(
    0x30,
    der(0xa0, der(0x02, hex('02'))),
    der(0x02, Buffer.concat([hex('01'), randomBytes(8)])),
    algorithm,
    commonName(issuer.name),
    der(0x30, der(0x17, Buffer.from('200101000000Z')), der(0x17, Buffer.from('491231235959Z'))),
    commonName(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, der(0x30, ...extensions)),
  );
  const signature = sign('sha256', content, issuer.key);
  return der(0x30, content, algorithm, der(0x03, hex('00'), signature));
}

function commonName(name: string): Buffer {
  return der(0x30, der(0x31, der(0x30, oid('550403'), der(0x0c, Buffer.from(name)))));
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return der(0x30, oid(id), ...(critical ? [der(0x01, hex('ff'))] : []), der(0x04, value));
}

function oid(encoded: string): Buffer {
  return der(0x06, hex(encoded));
}

function hex(text: string): Buffer {
  return Buffer.from(text, 'hex');
}

/** Tag, length and content. */
function der(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

function pem(bytes: Buffer, key: KeyObject): Certificate {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`,
    key: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

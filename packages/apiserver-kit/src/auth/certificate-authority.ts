import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto';
import {isIP} from 'node:net';

/** A certificate and its private key, both PEM. */
export interface KeyPair {
  cert: string;
  key: string;
}

export interface CertificateRequest {
  /** The user name, when the certificate authenticates a client. */
  commonName: string;
  /** The groups, when the certificate authenticates a client. */
  organizations?: readonly string[];
  /** Host names and IP addresses of a server certificate. */
  hosts?: readonly string[];
}

export interface CertificateAuthorityOptions {
  /** From now on; not after 2049. Default 30. */
  validDays?: number;
}

/**
 * Signs the certificates of a cluster. Node can check certificates but cannot make them, and a library for
 * it would be a dependency of everyone who only wants to start a server: so here is the little DER it takes.
 *
 * @see RFC 5280 (profile), RFC 5758 section 3.2 (ECDSA with SHA-256)
 */
export class CertificateAuthority {
  readonly certificate: string;
  readonly #privateKey: string;
  readonly #name: Buffer;
  readonly #keyId: Buffer;
  readonly #notAfter: Date;

  private constructor(commonName: string, certificate: string, privateKey: string) {
    this.certificate = certificate;
    this.#privateKey = privateKey;
    this.#name = distinguishedName({commonName});
    this.#notAfter = new X509Certificate(certificate).validToDate;
    this.#keyId = keyIdentifier(publicKeyOf(privateKey));
  }

  static create(
    commonName = 'test-ca',
    {validDays = VALID_DAYS}: CertificateAuthorityOptions = {},
  ): CertificateAuthority {
    const {privateKey, publicKey} = generateKeyPairSync('ec', {namedCurve: 'P-256'});
    const name = distinguishedName({commonName});
    const keyId = keyIdentifier(spki(publicKey));
    const certificate = signCertificate({
      issuer: name,
      subject: name,
      publicKey: spki(publicKey),
      extensions: [
        extension(oid.basicConstraints, true, sequence(boolean(true))),
        extension(oid.keyUsage, true, keyUsageBits(0b0000_0110)), // keyCertSign, cRLSign
        extension(oid.subjectKeyIdentifier, false, octetString(keyId)),
      ],
      signingKey: pem(privateKey),
      notAfter: new Date(Date.now() + validDays * DAY_MS),
    });
    return new CertificateAuthority(commonName, certificate, pem(privateKey));
  }

  /** For a second process that works with the same cluster: the opposite of {@link export}. */
  static import(exported: {commonName: string; cert: string; key: string}): CertificateAuthority {
    return new CertificateAuthority(exported.commonName, exported.cert, exported.key);
  }

  export(commonName = 'test-ca'): {commonName: string; cert: string; key: string} {
    return {commonName, cert: this.certificate, key: this.#privateKey};
  }

  /** A certificate that is good for a server on `hosts` and for a client that is `commonName`. Valid as long as the authority is. */
  issue(request: CertificateRequest): KeyPair {
    const {privateKey, publicKey} = generateKeyPairSync('ec', {namedCurve: 'P-256'});
    const hosts = request.hosts ?? [];
    const cert = signCertificate({
      issuer: this.#name,
      subject: distinguishedName(request),
      publicKey: spki(publicKey),
      extensions: [
        extension(oid.basicConstraints, true, sequence()),
        extension(oid.keyUsage, true, keyUsageBits(0b1000_0000)), // digitalSignature
        extension(oid.extendedKeyUsage, false, sequence(objectId(oid.serverAuth), objectId(oid.clientAuth))),
        extension(oid.authorityKeyIdentifier, false, sequence(tagged(0x80, this.#keyId))),
        ...(hosts.length > 0 ? [extension(oid.subjectAltName, false, sequence(...hosts.map(alternativeName)))] : []),
      ],
      signingKey: this.#privateKey,
      notAfter: this.#notAfter,
    });
    return {cert, key: pem(privateKey)};
  }
}

const oid = {
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const;

const DAY_MS = 86_400_000;
const VALID_DAYS = 30;

function signCertificate(parts: {
  issuer: Buffer;
  subject: Buffer;
  publicKey: Buffer;
  extensions: Buffer[];
  signingKey: string;
  notAfter: Date;
}): string {
  const algorithm = sequence(objectId(oid.ecdsaWithSha256));
  // A cleared top bit keeps the serial number positive, a set second one keeps its DER form minimal.
  const serial = randomBytes(16);
  serial[0] = (serial[0]! & 0x7f) | 0x40;
  const toBeSigned = sequence(
    tagged(0xa0, tagged(0x02, Buffer.of(2))),
    tagged(0x02, serial),
    algorithm,
    parts.issuer,
    // From yesterday: clocks of a machine and of its containers need not agree to the second.
    sequence(utcTime(Date.now() - DAY_MS), utcTime(parts.notAfter.getTime())),
    parts.subject,
    parts.publicKey,
    tagged(0xa3, sequence(...parts.extensions)),
  );
  const certificate = sequence(toBeSigned, algorithm, bitString(sign('sha256', toBeSigned, parts.signingKey)));
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

function pem(key: KeyObject): string {
  return key.export({type: 'pkcs8', format: 'pem'}).toString();
}

function spki(key: KeyObject): Buffer {
  return key.export({type: 'spki', format: 'der'});
}

function publicKeyOf(privateKey: string): Buffer {
  return spki(createPublicKey(privateKey));
}

function keyIdentifier(publicKey: Buffer): Buffer {
  return createHash('sha1').update(publicKey).digest();
}

function distinguishedName({commonName, organizations = []}: CertificateRequest): Buffer {
  const attribute = (type: string, value: string): Buffer =>
    tagged(0x31, sequence(objectId(type), tagged(0x0c, Buffer.from(value, 'utf8'))));
  return sequence(
    ...organizations.map((group) => attribute(oid.organization, group)),
    attribute(oid.commonName, commonName),
  );
}

function alternativeName(host: string): Buffer {
  switch (isIP(host)) {
    case 4:
      return tagged(0x87, Buffer.from(host.split('.').map(Number)));
    case 6:
      return tagged(0x87, ipv6Bytes(host));
    default:
      return tagged(0x82, Buffer.from(host, 'ascii'));
  }
}

function ipv6Bytes(address: string): Buffer {
  const [head = '', tail] = address.split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const front = groups(head);
  const back = groups(tail ?? '');
  const middle = Array<string>(8 - front.length - back.length).fill('0');
  const bytes = Buffer.alloc(16);
  [...front, ...middle, ...back].forEach((group, index) => bytes.writeUInt16BE(Number.parseInt(group, 16), index * 2));
  return bytes;
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return sequence(objectId(id), ...(critical ? [boolean(true)] : []), octetString(value));
}

function keyUsageBits(bits: number): Buffer {
  const unusedBits = Math.clz32(bits & -bits) ^ 31;
  return tagged(0x03, Buffer.of(unusedBits, bits));
}

/** Two digits of the year, as RFC 5280 wants it until 2049. */
function utcTime(ms: number): Buffer {
  const digits = new Date(ms).toISOString().slice(2, 19).replace(/[-:T]/g, '');
  return tagged(0x17, Buffer.from(`${digits}Z`, 'ascii'));
}

function objectId(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const base128 = [arc & 0x7f];
    for (let high = arc >>> 7; high > 0; high >>>= 7) base128.unshift((high & 0x7f) | 0x80);
    bytes.push(...base128);
  }
  return tagged(0x06, Buffer.from(bytes));
}

function boolean(value: boolean): Buffer {
  return tagged(0x01, Buffer.of(value ? 0xff : 0));
}

function octetString(value: Buffer): Buffer {
  return tagged(0x04, value);
}

function bitString(value: Buffer): Buffer {
  return tagged(0x03, Buffer.concat([Buffer.of(0), value]));
}

function sequence(...items: Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(items));
}

function tagged(tag: number, value: Buffer): Buffer {
  if (value.length < 0x80) return Buffer.concat([Buffer.of(tag, value.length), value]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(value.length);
  const significant = length.subarray(length.findIndex((byte) => byte > 0));
  return Buffer.concat([Buffer.of(tag, 0x80 | significant.length), significant, value]);
}

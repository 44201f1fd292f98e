import {X509Certificate} from 'node:crypto';
import {once} from 'node:events';
import type {AddressInfo} from 'node:net';
import {connect, createServer, type TLSSocket} from 'node:tls';
import {describe, expect, test} from '@jest/globals';
import fc from 'fast-check';
import {CertificateAuthority} from './certificate-authority.ts';

describe('CertificateAuthority', () => {
  const authority = CertificateAuthority.create();

  test('is a self-signed authority', () => {
    const certificate = new X509Certificate(authority.certificate);
    expect(certificate.ca).toBe(true);
    expect(certificate.subject).toBe('CN=test-ca');
    expect(certificate.verify(certificate.publicKey)).toBe(true);
  });

  test('is valid for as long as it is told, and so is what it signs', () => {
    const lasting = CertificateAuthority.import(
      CertificateAuthority.create('lasting', {validDays: 3650}).export('lasting'),
    );
    const year = new Date().getUTCFullYear() + 9;
    for (const pem of [lasting.certificate, lasting.issue({commonName: 'a'}).cert]) {
      expect(new X509Certificate(pem).validToDate.getUTCFullYear()).toBeGreaterThanOrEqual(year);
    }
    const short = new X509Certificate(authority.issue({commonName: 'a'}).cert);
    expect(short.validTo).toBe(new X509Certificate(authority.certificate).validTo);
  });

  test('signs a certificate for hosts and addresses', () => {
    const {cert} = authority.issue({commonName: 'server', hosts: ['127.0.0.1', 'localhost', '::1', '2001:db8::ff:0']});
    const certificate = new X509Certificate(cert);
    expect(certificate.checkIssued(new X509Certificate(authority.certificate))).toBe(true);
    expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(certificate.checkIP('::1')).toBe('::1');
    expect(certificate.checkIP('2001:db8::ff:0')).toBe('2001:db8::ff:0');
    expect(certificate.checkHost('localhost')).toBe('localhost');
    expect(certificate.checkHost('example.org')).toBeUndefined();
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
  });

  test('a certificate names its user and groups, however they are spelt', () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[a-zé:./-]{1,60}$/u),
        fc.array(fc.stringMatching(/^[a-z:.-]{1,20}$/)),
        (user, groups) => {
          const {cert} = authority.issue({commonName: user, organizations: groups});
          const {CN, O} = new X509Certificate(cert).toLegacyObject().subject as unknown as Record<
            string,
            string | string[]
          >;
          expect(CN).toBe(user);
          expect([O ?? []].flat()).toEqual(groups);
        },
      ),
      {numRuns: 50},
    );
  });

  test('an imported authority signs for the same cluster; client and server trust each other', async () => {
    const again = CertificateAuthority.import(authority.export());
    const server = createServer({
      ...authority.issue({commonName: 'server', hosts: ['127.0.0.1']}),
      ca: authority.certificate,
      requestCert: true,
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const secured = once(server, 'secureConnection') as Promise<[TLSSocket]>;
    const client = connect({
      host: '127.0.0.1',
      port: (server.address() as AddressInfo).port,
      ca: authority.certificate,
      ...again.issue({commonName: 'bob'}),
    });
    await once(client, 'secureConnect');
    const [peer] = await secured;
    expect(peer.authorized).toBe(true);
    expect(peer.getPeerCertificate().subject.CN).toBe('bob');
    client.destroy();
    server.close();
  });
});

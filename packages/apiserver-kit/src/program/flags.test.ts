import {describe, expect, test} from '@jest/globals';
import {FlagError, parseFlags} from './flags.ts';

const tls = ['--tls-cert-file=a.crt', '--tls-private-key-file', 'a.key'];

describe('parseFlags', () => {
  test('has defaults', () => {
    expect(parseFlags(tls)).toMatchObject({
      host: '127.0.0.1',
      port: 6443,
      tlsCertFile: 'a.crt',
      tlsKeyFile: 'a.key',
      anonymous: true,
      serviceAccountIssuers: ['https://kubernetes.default.svc'],
      apiAudiences: ['https://kubernetes.default.svc'],
      storage: {kind: 'memory'},
      watchList: true,
      controllers: ['garbage-collector', 'namespace', 'serviceaccount', 'root-ca-certificate-publisher'],
      rootCaFile: undefined,
    });
  });

  test.each([
    [
      '--controllers=*,-namespace',
      ['garbage-collector', 'serviceaccount', 'root-ca-certificate-publisher', 'deployment'],
    ],
    ['--controllers=deployment-controller', ['deployment']],
    ['--controllers=', []],
  ])('%s', (flag, controllers) => {
    expect(parseFlags([...tls, flag])).toMatchObject({controllers});
  });

  test('reads what kube-apiserver reads; the last of a name counts, or all do', () => {
    const options = parseFlags([
      ...tls,
      '--secure-port=1',
      '--secure-port=2',
      '--service-account-issuer=a',
      '--service-account-issuer=b',
      '--anonymous-auth=false',
      '--feature-gates=WatchList=false',
      '--kubelet-preferred-address-types=InternalIP,Hostname',
      '--storage=sqlite:/tmp/a=b.db',
      '--sqlite-synchronous=NORMAL',
    ]);
    expect(options).toMatchObject({
      port: 2,
      serviceAccountIssuers: ['a', 'b'],
      apiAudiences: ['a', 'b'],
      anonymous: false,
      watchList: false,
      kubeletAddressTypes: ['InternalIP', 'Hostname'],
      storage: {kind: 'sqlite', path: '/tmp/a=b.db', synchronous: 'NORMAL'},
    });
  });

  test.each([
    [['--etcd-servers=x', ...tls], 'unknown flag: --etcd-servers'],
    [['--__proto__=x', ...tls], '"--__proto__=x" is no flag'],
    [['x', ...tls], '"x" is no flag'],
    [['--secure-port'], 'flag needs an argument: --secure-port'],
    [[], 'required flag is missing: --tls-cert-file'],
    [['--secure-port=99999', ...tls], '--secure-port=99999'],
    [['--authorization-mode=AlwaysAllow', ...tls], '--authorization-mode=AlwaysAllow is not supported'],
    [['--storage=etcd', ...tls], '--storage=etcd: must be memory or sqlite:PATH'],
    [['--controllers=cronjob', ...tls], '--controllers: "cronjob" is not in the list of known controllers'],
    [['--feature-gates=Other=true', ...tls], 'unrecognized feature gate: Other'],
    [['--anonymous-auth=maybe', ...tls], '--anonymous-auth=maybe: must be true or false'],
    [['--kubelet-client-key=x', ...tls], '--kubelet-client-certificate and --kubelet-client-key must come together'],
  ])('refuses %j by name', (args, message) => {
    expect(() => parseFlags(args)).toThrow(FlagError);
    expect(() => parseFlags(args)).toThrow(message);
  });
});

import {generateKeyPairSync} from 'node:crypto';
import {admissionPlugins} from './admission/plugins.ts';
import {AuditLog} from './audit/audit-log.ts';
import {firstOf} from './auth/authenticators.ts';
import {bearerTokens, firstToken} from './auth/bearer-token.ts';
import {clientCertificates} from './auth/client-certificate.ts';
import {createRbacAuthorizer} from './auth/rbac/rbac-authorizer.ts';
import {reviewResources} from './auth/reviews.ts';
import {ServiceAccountTokens} from './auth/service-account-tokens.ts';
import {tokenFile} from './auth/token-file.ts';
import {tokenRequestSubresource} from './auth/token-request.ts';
import {bootstrap} from './bootstrap.ts';
import {builtinResources} from './builtin/builtin-resources.ts';
import {builtinSchema, definitionName} from './builtin/definitions.ts';
import {shapeOf} from './builtin/go-shape.ts';
import {selectControllers} from './controllers/controller-names.ts';
import {startControllers} from './controllers/controllers.ts';
import {apiVersionOf, type KubeObject} from './kube-object.ts';
import {KubeletClient, type KubeletClientOptions} from './kubelet/kubelet-client.ts';
import {podSubresources} from './kubelet/pod-subresources.ts';
import type {Registry} from './registry/registry.ts';
import type {ResourceVersion} from './registry/resource.ts';
import {createApiServer, type ServerParts} from './server.ts';
import type {Storage} from './storage/storage.ts';

export interface ServerOptions {
  /** Is closed with the server. */
  storage: Storage;
  /** Default: 127.0.0.1. */
  host?: string;
  /** 0: any. */
  port: number;
  /** PEM. */
  tls: {
    cert: string;
    key: string;
    /** Authority of client certificates. Default: there are none. */
    clientCa?: string;
  };
  /** Text of a file of bearer tokens: `token,user,uid,"group,group"` in each line. */
  tokens?: string;
  /** Whether requests without credentials are those of `system:anonymous`. Default: true. */
  anonymous?: boolean;
  serviceAccounts?: {
    /** The first one is that of new tokens. Default: `https://kubernetes.default.svc`. */
    issuers?: readonly [string, ...string[]];
    /** PEM. Default: a new key, so that tokens do not outlive the server. */
    signingKey?: string;
    /** PEM. Default: the public half of the signing key. */
    verificationKeys?: readonly string[];
    /** Names of this server in tokens. Default: the issuers. */
    audiences?: readonly string[];
  };
  /** File of the audit log. Default: none. */
  auditLogPath?: string;
  kubelets?: KubeletClientOptions;
  /** Whether a watch may begin with the present state (`sendInitialEvents`). Default: true. */
  watchList?: boolean;
  /**
   * Which controllers run, in the way of `--controllers` of kube-controller-manager: names, `-name` for one that does not, `*` for all.
   * Default: `['*', '-deployment']`.
   */
  controllers?: readonly string[];
  /** PEM of the authority of `tls.cert`, for the ConfigMap `kube-root-ca.crt` of each namespace. Default: there is none. */
  rootCa?: string;
  /** What goes wrong and is nobody's request. */
  onError?: (error: unknown) => void;
}

export interface RunningServer {
  /** `https://host:port` */
  url: string;
  registry: Registry;
  /** Ends watches, finishes what is under way, closes the storage. */
  close(): Promise<void>;
}

const DEFAULT_ISSUER = 'https://kubernetes.default.svc';

/**
 * A server as kube-apiserver is by default: RBAC, ServiceAccount tokens, client certificates, its admission plugins, the built-in
 * kinds, and what every cluster begins with.
 *
 * @throws Error of keys, of token files, of the names of controllers, and of listening
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const {storage, host = '127.0.0.1', port, tls, auditLogPath, watchList = true, onError = () => {}} = options;
  const names = options.controllers && selectControllers(options.controllers);
  const audit = auditLogPath === undefined ? undefined : await AuditLog.open({path: auditLogPath, onError});
  const server = await createApiServer({
    storage,
    configure: (registry) => serverParts(registry, options),
    watchList,
    onError,
    ...(audit && {audit}),
  });
  const kept = await bootstrap(server.registry, onError);
  const controllers = startControllers(server.registry, {
    ...(names && {names}),
    ...(options.rootCa !== undefined && {rootCa: options.rootCa}),
    onError,
  });
  const close = async (): Promise<void> => {
    await controllers.close();
    kept.close();
    await server.close();
    await audit?.close();
    await storage.close();
  };
  try {
    const {url} = await server.listen({host, port, tls});
    return {url, registry: server.registry, close};
  } catch (error) {
    await close();
    throw error;
  }
}

function serverParts(registry: Registry, options: ServerOptions): ServerParts {
  const {tokens: tokenText = '', anonymous = true, serviceAccounts = {}, kubelets = {}} = options;
  const issuers = serviceAccounts.issuers ?? [DEFAULT_ISSUER];
  const audiences = serviceAccounts.audiences ?? issuers;
  const tokens = new ServiceAccountTokens({
    stores: registry,
    issuers,
    signingKey: serviceAccounts.signingKey ?? newSigningKey(),
    ...(serviceAccounts.verificationKeys && {verificationKeys: serviceAccounts.verificationKeys}),
  });
  const authenticateToken = firstToken([tokenFile(tokenText, {audiences}), tokens.authenticate]);
  const rbac = createRbacAuthorizer(registry);
  const authorizer = rbac.authorize;
  const pods = podSubresources({stores: registry, kubelets: new KubeletClient(kubelets), authorizer});
  const subresources = {pods, serviceaccounts: [tokenRequestSubresource({stores: registry, tokens, audiences})]};
  return {
    resources: [
      ...builtinResources({stores: registry, subresources}),
      ...reviewResources({
        authorizer,
        rules: (user, namespace) => rbac.rules(user, namespace),
        authenticateToken,
        audiences,
        version: reviewVersion,
      }),
    ],
    authenticator: firstOf([clientCertificates, bearerTokens(authenticateToken, audiences)], {anonymous}),
    authorizer,
    admission: admissionPlugins({stores: registry, authorizer, rbac}),
  };
}

function newSigningKey(): string {
  const {privateKey} = generateKeyPairSync('ec', {namedCurve: 'P-256'});
  return privateKey.export({type: 'pkcs8', format: 'pem'}).toString();
}

function reviewVersion(group: string, kind: string): Pick<ResourceVersion, 'schema' | 'normalize'> {
  const definition = definitionName(apiVersionOf(group, 'v1'), kind);
  if (definition === undefined) throw new Error(`there is no definition of ${group}/v1 ${kind}`);
  const shape = shapeOf(definition);
  return {
    schema: builtinSchema(definition),
    normalize: (object, unknown) => shape(object, unknown) as KubeObject,
  };
}

/**
 * A Kubernetes API server as a library.
 *
 * @example
 * ```ts
 * import {CertificateAuthority, createMemoryStorage, startServer} from '@kruntimes/apiserver-kit';
 *
 * const authority = CertificateAuthority.create();
 * const {cert, key} = authority.issue({commonName: 'kube-apiserver', hosts: ['127.0.0.1']});
 * const server = await startServer({
 *   storage: createMemoryStorage(),
 *   port: 6443,
 *   tls: {cert, key, clientCa: authority.certificate},
 *   tokens: 'secret,admin,admin,system:masters\n',
 * });
 * console.log(server.url);
 * ```
 *
 * @module
 */
export type {AdmissionAttributes, AdmissionPlugin, Operation} from './admission/admission.ts';
export {AuditLog, type AuditLogOptions} from './audit/audit-log.ts';
export type {Authenticator, Credentials} from './auth/authentication.ts';
export type {AccessAttributes, Authorizer, Decision} from './auth/authorization.ts';
export {CertificateAuthority, type CertificateRequest, type KeyPair} from './auth/certificate-authority.ts';
export {kubeconfig, writeKubeconfig} from './auth/kubeconfig.ts';
export type {UserInfo} from './auth/user-info.ts';
export type {Controller} from './controllers/controller.ts';
export {
  type ControllerName,
  controllerNames,
  defaultControllers,
  selectControllers,
} from './controllers/controller-names.ts';
export {type ControllersOptions, startControllers} from './controllers/controllers.ts';
export {type FieldError, fieldErrors} from './errors/field-error.ts';
export {type Status, StatusError, statusErrors} from './errors/status-error.ts';
export type {KubeObject, ObjectMeta, OwnerReference} from './kube-object.ts';
export {Registry} from './registry/registry.ts';
export type {RequestContext} from './registry/request-context.ts';
export type {Resource, ResourceVersion, Strategy, Subresource} from './registry/resource.ts';
export {ResourceStore} from './registry/resource-store.ts';
export {systemContext} from './registry/system-context.ts';
export type {Schema} from './schema/schema.ts';
export {ApiServer, type ApiServerOptions, createApiServer, type ListenOptions, type ServerParts} from './server.ts';
export {type RunningServer, type ServerOptions, startServer} from './start-server.ts';
export {createMemoryStorage} from './storage/memory-storage.ts';
export {createSqliteStorage} from './storage/sqlite-storage.ts';
export {type ResourceStorage, type Storage, StorageError} from './storage/storage.ts';

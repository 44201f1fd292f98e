import type {MediaType} from '../http/media-type.ts';
import type {Encoding} from '../http/negotiation.ts';
import type {ResourceRequest} from '../http/request-info.ts';
import type {FoundResource} from '../registry/registry.ts';
import type {RequestContext} from '../registry/request-context.ts';
import type {ResourceStore} from '../registry/resource-store.ts';

/** A request for a resource that this server has, by somebody who may do that. */
export interface RestRequest {
  info: ResourceRequest;
  found: FoundResource;
  context: RequestContext;
  encoding: Encoding;
  /** Undefined: the header is not there. */
  contentType: MediaType | undefined;
  /** @throws StatusError 413 */
  body(): Promise<Buffer>;
}

/** One for a resource whose objects are kept. */
export interface StoreRequest extends RestRequest {
  store: ResourceStore;
}

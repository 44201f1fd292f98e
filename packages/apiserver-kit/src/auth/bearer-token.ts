import {StatusError, statusErrors} from '../errors/status-error.ts';
import type {Authenticator} from './authentication.ts';
import type {UserInfo} from './user-info.ts';

export interface TokenIdentity {
  user: UserInfo;
  /** Those of the wanted audiences for which the token is good. */
  audiences: readonly string[];
}

/** Tells whose a bearer token is; undefined where it is none that it knows. @throws Error that says why a token of its kind is no good */
export type TokenAuthenticator = (token: string, audiences: readonly string[]) => Promise<TokenIdentity | undefined>;

const WEBSOCKET_PREFIX = 'base64url.bearer.authorization.k8s.io.';

/** The first that knows the token. @throws Error with the reasons of all, where none knows it and some have one */
export function firstToken(authenticators: readonly TokenAuthenticator[]): TokenAuthenticator {
  return async (token, audiences) => {
    const reasons: string[] = [];
    for (const authenticate of authenticators) {
      try {
        const identity = await authenticate(token, audiences);
        if (identity) return identity;
      } catch (error) {
        reasons.push(error instanceof Error ? error.message : String(error));
      }
    }
    if (reasons.length === 0) return undefined;
    throw new Error(reasons.length === 1 ? reasons[0] : `[${reasons.join(', ')}]`);
  };
}

/**
 * `Authorization: Bearer`, and what browsers send with a WebSocket because they can set no header.
 *
 * @param audiences names of this server: a token must be for one of them
 */
export function bearerTokens(authenticate: TokenAuthenticator, audiences: readonly string[]): Authenticator {
  return async ({headers}) => {
    const token = bearerToken(headers.authorization) ?? webSocketToken(headers['sec-websocket-protocol']);
    if (token === undefined) return undefined;
    const identity = await authenticate(token, audiences).catch((error: unknown) => {
      throw new StatusError(401, 'Unauthorized', 'Unauthorized', undefined, {cause: error});
    });
    if (!identity) throw statusErrors.unauthorized();
    return identity.user;
  };
}

function bearerToken(authorization: string | undefined): string | undefined {
  const [scheme = '', token = ''] = (authorization ?? '').trim().split(' ');
  return scheme.toLowerCase() === 'bearer' && token !== '' ? token : undefined;
}

function webSocketToken(protocols: string | undefined): string | undefined {
  const protocol = protocols?.split(',').find((each) => each.trim().startsWith(WEBSOCKET_PREFIX));
  if (protocol === undefined) return undefined;
  const token = Buffer.from(protocol.trim().slice(WEBSOCKET_PREFIX.length), 'base64url').toString('utf8');
  return token === '' ? undefined : token;
}

import type {IncomingMessage} from 'node:http';
import type {AnswerWriter} from '../http/answer-writer.ts';
import type {PathRequest} from '../http/request-info.ts';
import type {OpenApi} from './open-api.ts';

/** Answers requests below `/openapi`; false: there is no such document. */
export function openApiHandler(
  openApi: OpenApi,
  now: () => Date,
): (info: PathRequest, request: IncomingMessage, writer: AnswerWriter) => boolean {
  return ({path, query}, {headers}, {response}) => {
    const {accept, 'if-none-match': ifNoneMatch} = headers;
    const {code, headers: answered, body} = openApi.answer({path, query, accept, ifNoneMatch, now: now()});
    response.writeHead(code, {...answered, ...(code !== 304 && {'Content-Length': Buffer.byteLength(body)})});
    response.end(body);
    return true;
  };
}

import {describe, expect, test} from '@jest/globals';
import {ApiError, Client, ReconcilerKitError, Transport} from '@kruntimes/reconciler-kit';
import {Connection} from './connection.ts';
import {explainFailure, notFound} from './failure.ts';

/** No request of these tests leaves the process: nothing listens on port 1. */
function connection(): Connection {
  return new Connection(new Client(new Transport({server: 'https://127.0.0.1:1', namespace: 'team'})));
}

async function explain(error: unknown): Promise<{code?: string; message?: string; hint?: string; exitCode?: number}> {
  return (await explainFailure(error, connection(), {kind: 'Run', name: 'hello', namespace: 'team'})) as object;
}

describe('explainFailure', () => {
  test('a cluster without our kinds says how to get them', async () => {
    // So answers a server that does not serve the group: no details of an object.
    const body = {reason: 'NotFound', message: 'the server could not find the requested resource', details: {}};
    expect(await explain(new ApiError({status: 404, body}))).toMatchObject({
      code: 'NOT_INSTALLED',
      message:
        'the cluster at https://127.0.0.1:1 does not know kruntimes.io/v1alpha1: kruntimes is not installed there',
      hint: expect.stringContaining('install it'),
      exitCode: 125,
    });
    expect(await explain(new ApiError({status: 404, message: '404 page not found'}))).toMatchObject({
      code: 'NOT_INSTALLED',
    });
  });

  test('permissions of the whole cluster and refusals by policies', async () => {
    const everywhere =
      'runs.kruntimes.io is forbidden: User "bob" cannot list resource "runs" in API group "kruntimes.io" at the cluster scope';
    expect(await explain(new ApiError({status: 403, body: {message: everywhere}}))).toMatchObject({
      code: 'FORBIDDEN',
      message: 'user "bob" may not list runs.kruntimes.io in all namespaces',
    });
    const policy = "ValidatingAdmissionPolicy 'x' denied request:\nnot on Fridays";
    expect(await explain(new ApiError({status: 403, body: {message: policy}, request: 'POST /apis/x'}))).toMatchObject({
      message: "the cluster refused: ValidatingAdmissionPolicy 'x' denied request: not on Fridays",
    });
  });

  test('what the server says is shown on one line, without the request', async () => {
    const invalid = new ApiError({status: 422, body: {message: 'spec.a: bad\nspec.b: bad'}, request: 'POST /apis/x'});
    expect(await explain(invalid)).toMatchObject({
      code: 'INVALID',
      message: 'the cluster rejected the Run: spec.a: bad spec.b: bad',
    });
    const rules =
      'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation';
    const schema = `Run "x" is invalid: [spec.args: must be an array, <nil>: Invalid value: null: ${rules}]`;
    expect(await explain(new ApiError({status: 422, body: {message: schema}}))).toMatchObject({
      message: 'the cluster rejected the Run: Run "x" is invalid: [spec.args: must be an array]',
    });
    const busy = new ApiError({status: 503, body: {message: 'overloaded'}});
    expect(await explain(busy)).toMatchObject({code: 'API', retryable: true, hint: 'try again in a moment'});
  });

  test('a kind where a name is expected leads to its command', async () => {
    expect(await notFound('Run', 'runtimes', 'team', connection())).toMatchObject({
      code: 'NOT_FOUND',
      hint: 'krt runtime list -n team shows Runtimes',
    });
    expect(await notFound('Run', 'runs', 'team', connection())).toMatchObject({
      hint: 'krt get -n team shows what there is',
    });
  });

  test('what is no failure of the cluster is left alone', async () => {
    const bug = new TypeError('bug');
    expect(await explain(bug)).toBe(bug);
    const unreachable = new ReconcilerKitError('CONNECTION_FAILED', 'GET /x: no answer from https://h: refused (E)');
    expect(await explain(unreachable)).toMatchObject({
      code: 'UNREACHABLE',
      message: 'cannot reach the API server https://127.0.0.1:1: refused (E)',
    });
  });
});

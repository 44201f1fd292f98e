import {describe, expect, test} from '@jest/globals';
import fc from 'fast-check';
import {parseRequest} from './request-info.ts';

fc.configureGlobal({seed: 17});

describe('parseRequest', () => {
  const of = (method: string, target: string): string => {
    const info = parseRequest(method, target);
    if (info.$case === 'path') return `${info.verb} ${info.path}`;
    const {verb, group, version, resource, subresource, namespace, name} = info;
    return [verb, group, version, resource, subresource, namespace, name].join('|');
  };

  test.each([
    ['GET', '/api/v1/pods', 'list||v1|pods|||'],
    ['GET', '/api/v1/namespaces/a/pods', 'list||v1|pods||a|'],
    ['GET', '/api/v1/namespaces/a/pods/', 'list||v1|pods||a|'],
    ['GET', '/api/v1/namespaces/a/pods?watch=1', 'watch||v1|pods||a|'],
    ['GET', '/api/v1/namespaces/a/pods?watch=false', 'list||v1|pods||a|'],
    ['GET', '/api/v1/watch/namespaces/a/pods/b', 'watch||v1|pods||a|b'],
    ['GET', '/api/v1/namespaces/a/pods/b', 'get||v1|pods||a|b'],
    ['GET', '/api/v1/namespaces/a/pods/b/log', 'get||v1|pods|log|a|b'],
    ['GET', '/api/v1/namespaces', 'list||v1|namespaces|||'],
    ['GET', '/api/v1/namespaces/a', 'get||v1|namespaces||a|a'],
    ['PUT', '/api/v1/namespaces/a/status', 'update||v1|namespaces|status|a|a'],
    ['PUT', '/api/v1/namespaces/a/finalize', 'update||v1|namespaces|finalize|a|a'],
    ['POST', '/apis/apps/v1/namespaces/a/deployments', 'create|apps|v1|deployments||a|'],
    ['PATCH', '/apis/apps/v1/namespaces/a/deployments/b/scale', 'patch|apps|v1|deployments|scale|a|b'],
    ['DELETE', '/apis/apps/v1/namespaces/a/deployments/b', 'delete|apps|v1|deployments||a|b'],
    ['DELETE', '/apis/apps/v1/namespaces/a/deployments', 'deletecollection|apps|v1|deployments||a|'],
    ['GET', '/apis/apps/v1', 'get /apis/apps/v1'],
    ['GET', '/api', 'get /api'],
    ['GET', '//api/v1/pods', 'get //api/v1/pods'],
    ['GET', '/version?x', 'get /version'],
    ['GET', '/api/v1/namespaces/a/pods/%62', 'get||v1|pods||a|b'],
    ['GET', '/api/v1/namespaces/a/pods/%', 'get||v1|pods||a|%'],
  ])('%s %s', (method, target, expected) => {
    expect(of(method, target)).toBe(expected);
  });

  test('takes anything', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (method, target) => {
        expect(parseRequest(method, `/${target}`).verb).toEqual(expect.any(String));
      }),
    );
  });
});

import {describe, expect, test} from '@jest/globals';
import {requestCounts, requestsBetween, writesOf} from './api-requests.ts';

const kube = `# TYPE apiserver_request_total counter
apiserver_request_total{code="201",component="apiserver",dry_run="",group="kruntimes.io",resource="runs",scope="resource",subresource="",verb="POST",version="v1alpha1"} 10
apiserver_request_total{code="200",component="apiserver",dry_run="",group="kruntimes.io",resource="runs",scope="resource",subresource="status",verb="PUT",version="v1alpha1"} 1.9e+01
apiserver_request_total{code="409",component="apiserver",dry_run="",group="kruntimes.io",resource="runs",scope="resource",subresource="status",verb="PUT",version="v1alpha1"} 2
apiserver_request_total{code="200",component="apiserver",dry_run="All",group="apps",resource="deployments",scope="resource",subresource="",verb="POST",version="v1"} 3
apiserver_request_total{code="201",component="apiserver",dry_run="",group="relay.kruntimes.io",resource="runs",scope="resource",subresource="",verb="POST",version="v1alpha1"} 4
apiserver_request_total{code="200",component="",dry_run="",group="",resource="",scope="",subresource="/metrics",verb="GET",version=""} 7
`;

describe('requests at the API server', () => {
  test('are counted by verb and resource, apart from those of the relay, those refused and those that do nothing', () => {
    expect(requestCounts(kube)).toEqual({
      'create runs': 10,
      'update runs': 19,
      'update runs refused': 2,
      'create runs.relay': 4,
    });
  });

  test('of the embedded server have the verbs of RBAC', () => {
    const page = 'apiserver_request_total{verb="UPDATE",group="kruntimes.io",resource="runs",code="200"} 5\n';
    expect(requestCounts(page)).toEqual({'update runs': 5});
  });

  test('are told by their difference', () => {
    expect(requestsBetween({'get pods': 2, 'list pods': 1}, {'get pods': 2, 'list pods': 3, 'create runs': 1})).toEqual(
      {
        'create runs': 1,
        'list pods': 2,
      },
    );
  });

  test('that write are those that were carried out', () => {
    const counts = {
      'create runs': 5,
      'update runs': 10,
      'update runs refused': 3,
      'get runs': 8,
      'create runs.relay': 2,
    };
    expect(writesOf(counts, 'runs')).toBe(15);
    expect(writesOf(counts, 'runs.relay')).toBe(2);
  });
});

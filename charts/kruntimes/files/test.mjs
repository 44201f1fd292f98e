// What `helm test` asks of the API server: whether the kinds are served, and whether each component is there and leads its scope.
import {readFileSync} from 'node:fs';

const {DEPLOYMENTS, INSTALLATION, LEASES, LEASE_NAMESPACE, RELEASE_NAMESPACE} = process.env;
const token = readFileSync('/var/run/secrets/kubernetes.io/serviceaccount/token', 'utf8');
const server = `https://${process.env.KUBERNETES_SERVICE_HOST}:${process.env.KUBERNETES_SERVICE_PORT}`;
const failures = [];
/** What has just been installed needs some seconds to elect a leader. */
const deadline = performance.now() + 60_000;

async function check(what, path, problemOf) {
  let problem = await find(path, problemOf);
  while (problem && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    problem = await find(path, problemOf);
  }
  console.log(`${problem ? 'FAILED' : 'ok    '} ${what}${problem ? `: ${problem}` : ''}`);
  if (problem) failures.push(what);
}

async function find(path, problemOf) {
  const response = await fetch(server + path, {headers: {authorization: `Bearer ${token}`}});
  return response.ok
    ? problemOf(await response.json())
    : `${path} answers ${response.status}: ${await response.text()}`;
}

await check('the kinds are served', '/apis/kruntimes.io/v1alpha1', ({resources}) => {
  const missing = ['runs', 'runtimes'].filter((plural) => !resources.some(({name}) => name === plural));
  return missing.length > 0 && `no ${missing.join(', ')}: install the chart kruntimes-crds`;
});
for (const name of DEPLOYMENTS.split(' '))
  await check(
    `${name} is ready`,
    `/apis/apps/v1/namespaces/${RELEASE_NAMESPACE}/deployments/${name}`,
    ({spec, status}) =>
      (status.readyReplicas ?? 0) < spec.replicas &&
      `${status.readyReplicas ?? 0} of ${spec.replicas} Pods are; kubectl --namespace ${RELEASE_NAMESPACE} logs deployment/${name} says why`,
  );
for (const name of LEASES.split(' '))
  await check(
    `Lease ${name} is held`,
    `/apis/coordination.k8s.io/v1/namespaces/${LEASE_NAMESPACE}/leases/${name}`,
    ({metadata, spec}) => {
      const owner = metadata.annotations?.['kruntimes.io/installation'];
      if (owner !== INSTALLATION) return `it belongs to ${owner}`;
      return !spec.holderIdentity && 'nobody leads';
    },
  );
process.exit(failures.length > 0 ? 1 : 0);

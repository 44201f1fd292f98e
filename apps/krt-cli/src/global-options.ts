import {type Command, Option} from 'commander';
import {completedBy} from './completion-source.ts';

/** The flags of every command; names and meanings are kubectl's. */
export function addGlobalOptions(program: Command): void {
  const add = (option: Option): void =>
    void program.addOption(option.helpGroup('Cluster and namespace (for every command):'));
  add(completedBy(new Option('-n, --namespace <name>', 'namespace to work in'), {kind: 'namespaces'}));
  add(completedBy(new Option('--context <name>', 'context of the kubeconfig to use'), {kind: 'contexts'}));
  add(
    completedBy(new Option('--kubeconfig <file>', 'kubeconfig file (default: $KUBECONFIG, else ~/.kube/config)'), {
      kind: 'files',
    }),
  );
  add(new Option('-s, --server <url>', 'address of the API server'));
  add(new Option('--token <token>', 'bearer token to show to the API server'));
  add(new Option('--as <user>', 'act as this user'));
  add(
    new Option('--as-group <group>', 'act as a member of this group; can be repeated').argParser(
      (value: string, previous: string[] | undefined) => [...(previous ?? []), value],
    ),
  );
  add(completedBy(new Option('--certificate-authority <file>', 'certificates to trust'), {kind: 'files'}));
  add(new Option('--insecure-skip-tls-verify', 'accept any certificate of the API server (insecure)'));
  add(
    new Option(
      '--request-timeout <duration>',
      'longest wait for an answer of the API server, such as 10s; 0: no limit',
    ),
  );
}

/** At most so many characters has a DNS subdomain. */
const SUBDOMAIN_LENGTH = 253;
const LABEL_LENGTH = 63;

const SUBDOMAIN = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;
const LABEL = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/;
const LABEL_1035 = /^[a-z](?:[-a-z0-9]*[a-z0-9])?$/;

const SUBDOMAIN_RULE =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL_RULE =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const LABEL_1035_RULE =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";

/** What is wrong with a name that must be a DNS subdomain, in Kubernetes' words; nothing: it is good. */
export function subdomainProblems(name: string): string[] {
  return problems(name, SUBDOMAIN_LENGTH, SUBDOMAIN, SUBDOMAIN_RULE);
}

/** What is wrong with a name that must be a DNS label (RFC 1123), such as that of a Namespace. */
export function labelProblems(name: string): string[] {
  // What would be good as a subdomain can only have dots too many.
  const rule = SUBDOMAIN.test(name) ? 'must not contain dots' : LABEL_RULE;
  return problems(name, LABEL_LENGTH, LABEL, rule);
}

/** What is wrong with a name that must be a DNS label (RFC 1035), such as that of a Service. */
export function label1035Problems(name: string): string[] {
  return problems(name, LABEL_LENGTH, LABEL_1035, LABEL_1035_RULE);
}

/** What is wrong with a name that need only be good for a segment of a path, such as that of a ClusterRole. */
export function pathSegmentProblems(name: string): string[] {
  if (name === '.' || name === '..') return [`may not be '${name}'`];
  return ['/', '%'].filter((illegal) => name.includes(illegal)).map((illegal) => `may not contain '${illegal}'`);
}

function problems(name: string, length: number, pattern: RegExp, rule: string): string[] {
  return [
    ...(Buffer.byteLength(name) > length ? [`must be no more than ${length} characters`] : []),
    ...(pattern.test(name) ? [] : [rule]),
  ];
}

/**
 * What is checked of a prefix of a generated name: the rules of the name, where a dash at the end is as good as what will follow it.
 */
export function maskTrailingDash(prefix: string): string {
  return prefix.length > 1 && prefix.endsWith('-') ? `${prefix.slice(0, -1)}a` : prefix;
}

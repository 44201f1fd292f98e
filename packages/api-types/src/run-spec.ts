import {limits} from './limits.ts';
import {type RetryableReason, retryableReasons} from './reasons.ts';
import {cel} from './schema/cel.ts';
import {
  boolean,
  integer,
  listOf,
  mapList,
  mapOf,
  object,
  optional,
  type Static,
  setOf,
  string,
  stringEnum,
} from './schema/fields.ts';
import {path, resourceName, secretName} from './schema/names.ts';

const fileSchema = object({
  path: path({description: 'Where the file goes, relative to the working directory.'}),
  content: string(limits.sourceBytes, {description: 'Text of the file.'}),
  mode: optional(integer(0, 0o777, {description: 'Permission bits; 420 (octal 0644) if absent.'})),
});

const gitSchema = object({
  url: string(limits.gitUrl, {
    description: 'https, http or ssh URL without credentials.',
    rules: [
      cel(
        String.raw`self.matches('^(https?://|ssh://([A-Za-z0-9_][A-Za-z0-9._-]*@)?)[A-Za-z0-9\\[][A-Za-z0-9.:\\[\\]-]*/[!-~]+$')`,
        'must be an https://, http:// or ssh:// URL with a path and without a password',
      ),
    ],
  }),
  revision: optional(
    string(limits.gitRevision, {
      minLength: 1,
      pattern: '^[A-Za-z0-9._/][A-Za-z0-9._/@+#%=,-]*$',
      description:
        "Branch, tag, full name of a ref, or commit (at least 7 digits); the remote's HEAD if absent. No expressions such as main~1.",
    }),
  ),
  subPath: optional(path({description: 'Directory of the repository that becomes the working directory.'})),
  depth: optional(integer(0, limits.gitDepth, {description: 'Commits to fetch; 0 is all, 1 if absent.'})),
  secretName: optional(secretName({description: 'One of the gitCredentials of the Runtime.'})),
});

const tooLarge = `must not be larger than ${limits.sourceBytes} bytes in all`;

/** `spec.source`: where the files of a Run come from. */
const runSourceSchema = object(
  {
    inline: optional(
      string(limits.sourceBytes, {
        description: 'A script; it becomes the file "script".',
        rules: [cel(`bytes(self).size() <= ${limits.sourceBytes}`, tooLarge)],
      }),
    ),
    files: optional(
      mapList(fileSchema, ['path'], limits.sourceFiles, {
        description: 'Files with their content.',
        rules: [cel(`self.map(f, f.path.size() + bytes(f.content).size()).sum() <= ${limits.sourceBytes}`, tooLarge)],
      }),
    ),
    git: optional(gitSchema),
  },
  {
    description: 'Files that are put into the working directory: exactly one of inline, files and git.',
    rules: [
      cel(
        '(has(self.inline) ? 1 : 0) + (has(self.files) ? 1 : 0) + (has(self.git) ? 1 : 0) == 1',
        'exactly one of inline, files and git must be set',
      ),
    ],
  },
);

/** `spec.retryPolicy`. */
const retryPolicySchema = object(
  {
    maxAttempts: optional(
      integer(1, limits.maxAttempts, {description: 'Attempts in all, the first one included; 1 if absent.'}),
    ),
    backoffSeconds: optional(
      integer(0, limits.backoffSeconds, {
        description: 'Longest wait before the second attempt; it doubles with each further one. 1 if absent.',
      }),
    ),
    maxBackoffSeconds: optional(
      integer(0, limits.backoffSeconds, {description: 'Longest wait before any attempt; 300 if absent.'}),
    ),
    retryableReasons: optional(
      setOf(stringEnum<readonly RetryableReason[]>(retryableReasons), retryableReasons.length, {
        description: 'Only attempts that end for one of these reasons are retried; all of them if absent.',
      }),
    ),
  },
  {description: 'What happens after an attempt that failed or timed out. Execution is at least once.'},
);

const resourcesSchema = object({
  requests: optional(
    mapOf(integer(1, limits.resourceValue), limits.resources, {
      description: 'Logical units of the capacity of a Runtime Pod that the Run occupies; runs is 1 if absent.',
      rules: [resourceName],
    }),
  ),
});

const artifactsSchema = object(
  {
    when: optional(
      stringEnum(['OnSuccess', 'Always'], {
        description: 'Always (if absent): also those of attempts that failed, timed out or were cancelled.',
      }),
    ),
  },
  {description: 'What becomes of the files in $KRUNTIME_ARTIFACTS_DIR.'},
);

/** The optional fields of `spec` that can't be changed; neither can `runtime`. */
const immutable = [
  'source',
  'entrypoint',
  'args',
  'env',
  'timeoutSeconds',
  'retryPolicy',
  'resources',
  'priority',
  'artifacts',
];

/** Not `self.?x == oldSelf.?x`: the API server can't estimate the cost of comparing optional values and refuses the rule. */
function unchanged(name: string): string {
  return `has(self.${name}) == has(oldSelf.${name}) && (!has(self.${name}) || self.${name} == oldSelf.${name})`;
}

/** `spec` of a Run. */
export const runSpecSchema = object(
  {
    runtime: string(limits.runtimeName, {
      minLength: 1,
      pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$',
      description: 'Name of a Runtime in the same namespace.',
    }),
    source: optional(runSourceSchema),
    entrypoint: optional(
      path({
        description: 'What is executed, relative to the working directory; "script" if absent with source.inline.',
      }),
    ),
    args: optional(
      listOf(string(limits.argsBytes), limits.args, {
        description: 'Arguments of the entrypoint; without one, the command line itself.',
        rules: [
          cel(
            `self.map(a, a.size()).sum() <= ${limits.argsBytes}`,
            `must not be longer than ${limits.argsBytes} characters in all`,
          ),
        ],
      }),
    ),
    env: optional(
      mapOf(string(limits.envBytes), limits.env, {
        description: 'Environment of the program. Not for secrets: everybody who may read the Run reads them.',
        rules: [
          cel(
            `self.all(k, k.matches('^[A-Za-z_][A-Za-z0-9_]{0,${limits.envName - 1}}$'))`,
            'names must start with a letter or "_" and contain only letters, digits and "_"',
          ),
          cel("self.all(k, !k.startsWith('KRUNTIME_'))", 'names that start with KRUNTIME_ are reserved'),
          cel(
            `self.map(k, self[k].size()).sum() <= ${limits.envBytes}`,
            `values must not be longer than ${limits.envBytes} characters in all`,
          ),
        ],
      }),
    ),
    timeoutSeconds: optional(
      integer(0, limits.timeoutSeconds, {
        description: 'Longest time that one attempt may take from its start; 0 or absent is no limit.',
      }),
    ),
    retryPolicy: optional(retryPolicySchema),
    cancelRequested: optional(boolean({description: 'Set it to true to end the Run; it can not be taken back.'})),
    ttlSecondsAfterFinished: optional(
      integer(0, limits.ttlSeconds, {description: 'The finished Run is deleted after this time.'}),
    ),
    resources: optional(resourcesSchema),
    priority: optional(
      integer(-limits.priority, limits.priority, {
        description: 'Among waiting Runs of a Runtime the highest is bound first; 0 if absent.',
      }),
    ),
    artifacts: optional(artifactsSchema),
  },
  {
    rules: [
      cel(
        `self == oldSelf || (${['self.runtime == oldSelf.runtime', ...immutable.map(unchanged)].join(' && ')})`,
        'only cancelRequested and ttlSecondsAfterFinished can be changed; create a new Run instead',
      ),
      cel(
        '!has(oldSelf.cancelRequested) || !oldSelf.cancelRequested || (has(self.cancelRequested) && self.cancelRequested)',
        'cancelRequested can not be taken back',
      ),
    ],
  },
);

export type RunSource = Static<typeof runSourceSchema>;
export type RetryPolicy = Static<typeof retryPolicySchema>;
export type RunSpec = Static<typeof runSpecSchema>;

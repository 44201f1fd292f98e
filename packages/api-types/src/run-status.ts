import {artifactStoreSchema} from './artifact-store-spec.ts';
import {conditionsSchema} from './conditions.ts';
import {limits} from './limits.ts';
import type {RunReason} from './reasons.ts';
import {cel} from './schema/cel.ts';
import {
  boolean,
  integer,
  listOf,
  mapList,
  mapOf,
  object,
  openEnum,
  optional,
  type Static,
  string,
  stringEnum,
  time,
} from './schema/fields.ts';

/** The phases of a Run; the last four are terminal. */
const runPhases = ['Pending', 'Scheduled', 'Running', 'Succeeded', 'Failed', 'Timeout', 'Cancelled'] as const;

const exitCode = () => integer(-limits.int32 - 1, limits.int32);

const attemptSchema = object({
  number: integer(1, limits.int32),
  reason: openEnum<RunReason>(limits.reason),
  exitCode: optional(exitCode()),
  signal: optional(string(limits.signal)),
  startTime: optional(time()),
  completionTime: time(),
});

const outputSchema = object({
  stdoutBytes: integer(0, limits.safeInteger, {description: 'Bytes that the program wrote to its standard output.'}),
  stderrBytes: integer(0, limits.safeInteger),
  truncated: optional(boolean({description: 'More was written than the Runtime keeps.'})),
  tail: optional(string(limits.tailBytes, {description: 'The end of the output of a Run that did not succeed.'})),
});

const artifactRefSchema = object({
  name: string(limits.path, {
    minLength: 1,
    description: 'Name of the file in $KRUNTIME_ARTIFACTS_DIR, with .tar.gz of a directory; logs is the log.',
  }),
  key: string(limits.objectPrefix + limits.path, {
    description: 'Key of the object below the path or prefix of the store.',
  }),
  sizeBytes: integer(0, limits.safeInteger),
  digest: string(limits.digest, {description: 'Algorithm and hexadecimal digest, as in sha256:0123….'}),
  mediaType: optional(string(limits.mediaType)),
});

/** `status` of a Run. */
export const runStatusSchema = object(
  {
    phase: stringEnum(runPhases, {
      rules: [
        cel(
          "self == oldSelf || !(oldSelf in ['Succeeded', 'Failed', 'Timeout', 'Cancelled'])",
          'a Run that has ended stays in its phase',
        ),
      ],
    }),
    reason: optional(openEnum<RunReason>(limits.reason, {description: 'One word for why the Run is in this phase.'})),
    message: optional(string(limits.messageBytes)),
    attempt: optional(
      integer(0, limits.int32, {
        description: 'Number of the present or last attempt; each bind adds one.',
        rules: [cel('self >= oldSelf', 'attempt never goes down')],
      }),
    ),
    disruptions: optional(integer(0, limits.int32, {description: 'Attempts that were lost to infrastructure.'})),
    assignedPod: optional(string(limits.podName)),
    assignedPodUID: optional(string(limits.uid)),
    scheduledTime: optional(time()),
    startTime: optional(time()),
    completionTime: optional(time()),
    nextAttemptTime: optional(time({description: 'The Run is not bound before this time.'})),
    attempts: optional(
      listOf(attemptSchema, limits.attempts, {description: 'The last attempts of a Run that needed more than one.'}),
    ),
    exitCode: optional(exitCode()),
    signal: optional(string(limits.signal, {description: 'Name of the signal that ended the program.'})),
    outputs: optional(
      mapOf(string(limits.outputValueBytes), limits.outputs, {
        description: 'What the program wrote to $KRUNTIME_OUTPUTS; 64 KiB in all.',
      }),
    ),
    artifactRefs: optional(mapList(artifactRefSchema, ['name'], limits.artifactRefs)),
    artifactStore: optional(artifactStoreSchema),
    output: optional(outputSchema),
    conditions: optional(conditionsSchema),
  },
  {
    default: {phase: 'Pending'},
  },
);

export type RunPhase = (typeof runPhases)[number];
export type RunStatus = Static<typeof runStatusSchema>;
export type RunAttempt = Static<typeof attemptSchema>;
export type RunOutput = Static<typeof outputSchema>;
export type ArtifactRef = Static<typeof artifactRefSchema>;

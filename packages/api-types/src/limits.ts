/**
 * The bounds of the API, in one place: the schemas declare them, the run lifecycle keeps within them.
 * Lengths of schema strings are counted by the API server in characters (Unicode code points); those named `Bytes` are UTF-8 bytes.
 */
export const limits = {
  /** A Runtime's name: `<name>-runtime-<hash>-<hash>` must stay a Pod name of ≤ 63 characters. */
  runtimeName: 40,
  /** All of `spec.source` together: kubectl apply keeps a copy of the object in an annotation of ≤ 256 KiB. */
  sourceBytes: 128 * 1024,
  sourceFiles: 64,
  path: 512,
  gitUrl: 1024,
  gitRevision: 256,
  gitDepth: 100_000,
  args: 256,
  argsBytes: 64 * 1024,
  env: 128,
  envName: 256,
  envBytes: 64 * 1024,
  timeoutSeconds: 7 * 24 * 3600,
  maxAttempts: 20,
  backoffSeconds: 24 * 3600,
  ttlSeconds: 365 * 24 * 3600,
  resources: 16,
  resourceName: 63,
  resourceValue: 1_000_000,
  priority: 1_000_000_000,

  /** A Run ends as Failed/TooManyDisruptions with this many attempts lost to infrastructure. */
  disruptions: 5,
  /** `status.attempts` keeps the last so many. */
  attempts: 10,
  reason: 64,
  messageBytes: 1024,
  /** Of any condition; those of a Run keep to fewer, since each finished Run has one. */
  conditionMessage: 4096,
  runConditionMessageBytes: 256,
  /** Of the condition ArtifactsStored, which names what was left out. */
  artifactsMessageBytes: 1024,
  conditionType: 64,
  conditions: 8,
  podName: 253,
  uid: 64,
  signal: 32,
  outputs: 64,
  outputName: 128,
  outputValueBytes: 8 * 1024,
  outputsBytes: 64 * 1024,
  tailBytes: 4 * 1024,
  /** 100 artifacts of the program, and the log. */
  artifactRefs: 101,
  /** Of the name of an artifact: what file systems allow. */
  artifactNameBytes: 255,
  digest: 128,
  mediaType: 128,
  time: 40,
  int32: 2 ** 31 - 1,
  /** Integers beyond this are not exact in JSON readers that use doubles. */
  safeInteger: Number.MAX_SAFE_INTEGER,

  replicas: 10_000,
  image: 1024,
  secretName: 253,
  objectPrefix: 512,
  endpoint: 1024,
  selector: 1024,
  gitCredentials: 16,
  gitHosts: 32,
  hostName: 260,
  containers: 32,
  ports: 64,
  volumes: 64,
  volumeMounts: 64,
} as const;

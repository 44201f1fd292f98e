const shared = {
  setupFilesAfterEnv: ['<rootDir>/tools/jest/test-timeout.mjs'],
  testEnvironment: 'node',
  testEnvironmentOptions: {customExportConditions: ['development', 'node', 'node-addons']},
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': ['@swc/jest', {jsc: {parser: {syntax: 'typescript'}, target: 'es2022'}, module: {type: 'es6'}}],
  },
  modulePathIgnorePatterns: ['/dist/'],
};

/** For suites that talk to a Kubernetes API server: one serves all of them. */
const kubernetes = {
  ...shared,
  globalSetup: '<rootDir>/tools/jest/shared-control-plane.mjs',
  globalTeardown: '<rootDir>/tools/jest/stop-shared-control-plane.mjs',
};

const places = (kind) => [
  `<rootDir>/{packages,apps}/*/src/**/*.${kind}.test.ts`,
  `<rootDir>/integration/**/*.${kind}.test.ts`,
];

/**
 * `unit` needs nothing; `kube` (*.kube.test.ts) needs a Kubernetes API server; `servers` (*.servers.test.ts) needs other real
 * servers that are built or installed first, S3 for one; `faults` (*.faults.test.ts) kills and cuts for minutes; `e2e`
 * (*.e2e.test.ts) needs the node of e2e/cluster with our images.
 */
export default {
  projects: [
    {
      ...shared,
      displayName: 'unit',
      testMatch: ['<rootDir>/{packages,apps,tools,bench,deploy}/**/*.test.ts'],
      testPathIgnorePatterns: ['/node_modules/', '\\.(kube|servers|faults)\\.test\\.ts$'],
    },
    {...kubernetes, displayName: 'kube', testMatch: places('kube')},
    {...kubernetes, displayName: 'servers', testMatch: places('servers')},
    {...shared, displayName: 'faults', testMatch: places('faults')},
    {...shared, displayName: 'e2e', testMatch: ['<rootDir>/e2e/**/*.e2e.test.ts']},
  ],
};

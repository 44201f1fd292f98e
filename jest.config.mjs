const shared = {
  testEnvironment: 'node',
  testEnvironmentOptions: {customExportConditions: ['development', 'node', 'node-addons']},
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': ['@swc/jest', {jsc: {parser: {syntax: 'typescript'}, target: 'es2022'}, module: {type: 'es6'}}],
  },
  modulePathIgnorePatterns: ['/dist/'],
};

/** `unit` needs nothing; `kube` (*.kube.test.ts) needs a Kubernetes API server. */
export default {
  projects: [
    {
      ...shared,
      displayName: 'unit',
      testMatch: ['<rootDir>/{packages,apps,tools}/**/*.test.ts'],
      testPathIgnorePatterns: ['/node_modules/', '\\.kube\\.test\\.ts$'],
    },
    {
      ...shared,
      displayName: 'kube',
      globalSetup: '<rootDir>/tools/jest/shared-control-plane.mjs',
      globalTeardown: '<rootDir>/tools/jest/stop-shared-control-plane.mjs',
      setupFilesAfterEnv: ['<rootDir>/tools/jest/kube-test-timeout.mjs'],
      testMatch: ['<rootDir>/{packages,apps}/*/src/**/*.kube.test.ts', '<rootDir>/integration/**/*.kube.test.ts'],
    },
  ],
};

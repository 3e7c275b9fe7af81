const { availableParallelism } = require('node:os')

/** @type {import('jest').Config} */
module.exports = {
  // Jest leaves one core to itself, which on two cores is half of the machine.
  maxWorkers: Math.max(2, availableParallelism() - 1),
  reporters: ['default', '<rootDir>/tests/support/skipped-tests.js'],
  testMatch: ['<rootDir>/tests/**/*.test.ts'],
  // For tests that train a model, also on a busy machine; Jest's own limit is 5 seconds. run-program.ts has a longer one for programs.
  testTimeout: 60_000,
  // A global is looked up slowly inside jest's sandbox, which a loop over pixels does for each of them.
  sandboxInjectedGlobals: ['Math'],
  transform: { '\\.ts$': ['@swc/jest', { jsc: { target: 'es2022', parser: { syntax: 'typescript' } } }] },
  // Two folders that hold copies of package.json would confuse jest's module map.
  modulePathIgnorePatterns: ['<rootDir>/build', '<rootDir>/.cache'],
}

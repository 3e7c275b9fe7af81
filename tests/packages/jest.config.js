const base = require('../../jest.config')

/** @type {import('jest').Config} */
module.exports = {
  ...base,
  rootDir: '../..',
  testMatch: ['<rootDir>/tests/packages/*.packages.ts'],
  // One registry for all files: publishing libtorch to it takes longer than most tests.
  globalSetup: '<rootDir>/tests/packages/start-registry.ts',
  globalTeardown: '<rootDir>/tests/packages/stop-registry.ts',
}

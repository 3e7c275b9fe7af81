/** @type {import('jest').Config} */
module.exports = {
  reporters: ['default', '<rootDir>/tests/support/skipped-tests.js'],
  testMatch: ['<rootDir>/tests/**/*.test.ts'],
  transform: { '\\.ts$': ['@swc/jest', { jsc: { target: 'es2022', parser: { syntax: 'typescript' } } }] },
  // Two folders that hold copies of package.json would confuse jest's module map.
  modulePathIgnorePatterns: ['<rootDir>/build', '<rootDir>/.cache'],
}

const base = require('../../jest.config')

/** @type {import('jest').Config} */
module.exports = {
  ...base,
  rootDir: '../..',
  testMatch: ['<rootDir>/tests/browser/*.browser.ts'],
}

/**
 * A reporter for jest: names the skipped tests at the end of a run. With TEST_NO_SKIPS=1 they make it fail, except those whose title says
 * that they need CUDA (or a machine without it).
 */
const { relative } = require('node:path')

const ABOUT_CUDA = /\(needs [^)]*CUDA[^)]*\)/

module.exports = class SkippedTests {
  #rootDir
  #isFiltered
  #error

  /** @param {import('@jest/types').Config.GlobalConfig} config */
  constructor({ rootDir, testNamePattern }) {
    this.#rootDir = rootDir
    this.#isFiltered = Boolean(testNamePattern) // By the user, on the command line: jest calls all other tests skipped, too.
  }

  /** @param {unknown} _ @param {import('@jest/test-result').AggregatedResult} results */
  onRunComplete(_, { testResults }) {
    if (this.#isFiltered) return
    const skipped = testResults.flatMap(({ testFilePath, testResults: tests }) =>
      tests
        .filter(({ status }) => status !== 'passed' && status !== 'failed')
        .map(({ ancestorTitles, title }) => `${relative(this.#rootDir, testFilePath)}: ${[...ancestorTitles, title].join(' › ')}`),
    )
    if (skipped.length === 0) return
    console.error(['\nSkipped tests:', ...skipped].join('\n  '))
    if (process.env.TEST_NO_SKIPS !== '1') return
    const forbidden = skipped.filter((name) => !ABOUT_CUDA.test(name))
    if (forbidden.length === 0) return
    this.#error = new Error(`TEST_NO_SKIPS is 1, but ${forbidden.length} tests were skipped that do not need CUDA.`)
    console.error(`${this.#error.message} Install what they need, or unset the variable.`)
  }

  /** Makes jest fail. */
  getLastError() {
    return this.#error
  }
}

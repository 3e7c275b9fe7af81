/** What the end of a test run says about skipped tests: small test files are run with jest. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Outcome, REPOSITORY, runNode } from '../support/run-program'
import { useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()

const JEST = join(REPOSITORY, 'node_modules', 'jest', 'bin', 'jest.js')

/** Runs jest on a test file with this text. */
function runTests(text: string, env: Record<string, string | undefined>, ...args: readonly string[]): Promise<Outcome> {
  const needs = JSON.stringify(join(REPOSITORY, 'tests', 'support', 'needs.ts'))
  writeFileSync(
    path('some.test.js'),
    `const { describeWhere, testWhere, testOnPosix } = require(${needs})\ntest('runs', () => {})\n${text}`,
  )
  const config = {
    rootDir: path(),
    transform: { '\\.ts$': [require.resolve('@swc/jest'), { jsc: { target: 'es2022', parser: { syntax: 'typescript' } } }] },
    reporters: [join(REPOSITORY, 'tests', 'support', 'skipped-tests.js')],
  }
  writeFileSync(path('jest.config.json'), JSON.stringify(config))
  return runNode([JEST, '--config', path('jest.config.json'), ...args], { cwd: path(), env })
}

const SHELL = `
testWhere(true, 'nothing')('is there', () => {})
describeWhere(false, 'zsh')('completion', () => { test('works', () => { throw new Error('ran') }) })
testWhere(false, 'fish').each([1, 2])('file %s', () => { throw new Error('ran') })
`
const GPU = `describeWhere(false, 'a GPU with CUDA')('a GPU', () => { test('computes', () => {}) })`
const SKIPPED =
  'Skipped tests:\n  some.test.js: completion (needs zsh) › works\n  some.test.js: file 1 (needs fish)\n  some.test.js: file 2 (needs fish)\n'

test('skipped tests are named with what they need', async () => {
  const { code, stderr } = await runTests(SHELL, { TEST_NO_SKIPS: undefined })
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining(SKIPPED) })
})

test('skipped tests make the run fail with TEST_NO_SKIPS=1', async () => {
  const { code, stderr } = await runTests(SHELL, { TEST_NO_SKIPS: '1' })
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(SKIPPED) })
  expect(stderr).toContain('TEST_NO_SKIPS is 1, but 3 tests were skipped that do not need CUDA.')
})

test('test.skip and test.todo make the run fail with TEST_NO_SKIPS=1', async () => {
  expect(await runTests(`test.skip('later', () => {})`, { TEST_NO_SKIPS: '1' })).toMatchObject({ code: 1 })
  expect(await runTests(`test.todo('later')`, { TEST_NO_SKIPS: '1' })).toMatchObject({ code: 1 })
})

test('tests that need a GPU are named, but do not make the run fail', async () => {
  const { code, stderr } = await runTests(GPU, { TEST_NO_SKIPS: '1' })
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('some.test.js: a GPU (needs a GPU with CUDA) › computes') })
})

test('when nothing is skipped, or the user selects tests by name, nothing is said', async () => {
  expect(await runTests('', { TEST_NO_SKIPS: '1' })).toMatchObject({ code: 0, stderr: expect.not.stringContaining('Skipped') })
  const selected = await runTests(SHELL, { TEST_NO_SKIPS: '1' }, '--testNamePattern', 'is there')
  expect(selected).toMatchObject({ code: 0, stderr: expect.not.stringContaining('Skipped') })
})

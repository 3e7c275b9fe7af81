/** When a folder that CMake builds in is removed, and when its build goes on. */
import { existsSync, writeFileSync } from 'node:fs'
import { runModule, startModule } from '../support/bootstrap-modules'
import { useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()

/** Runs this text as a build in the folder `build`, and prints what it was told; or the error. */
const BUILD = (text: string) => `
  const { mkdirSync } = await import('node:fs')
  const [root, configuration] = args
  const stop = new AbortController()
  let outcome
  try {
    await buildIn(root + '/build', root + '/records/build', configuration, stop.signal, async (isNew) => {
      mkdirSync(root + '/build', { recursive: true })
      ${text}
      outcome = { isNew }
    })
  } catch (error) {
    outcome = { error: error.message }
  }
  console.log(JSON.stringify(outcome))
`
const HANGS = `console.log('builds'); await new Promise(() => setInterval(() => {}, 1000))`

function build(text = '', configuration = 'gcc'): Promise<unknown> {
  return runModule(['build-folder.mjs'], BUILD(text), [path(), configuration])
}

async function killBuild(): Promise<void> {
  const program = startModule(['build-folder.mjs'], BUILD(HANGS), [path(), 'gcc'])
  await program.line(/^builds$/)
  await program.kill()
}

beforeEach(async () => {
  expect(await build()).toEqual({ isNew: true })
  writeFileSync(path('build', 'object'), '')
})

test('it goes on with the same configuration', async () => {
  expect(await build()).toEqual({ isNew: false })
  expect(existsSync(path('build', 'object'))).toBe(true)
})

test('another configuration needs a new one', async () => {
  expect(await build('', 'clang')).toEqual({ isNew: true })
  expect(existsSync(path('build', 'object'))).toBe(false)
  expect(await build('', 'clang')).toEqual({ isNew: false })
})

test('after a kill it is removed, because any file in it may be half written', async () => {
  await killBuild()
  expect(await build()).toEqual({ isNew: true })
  expect(existsSync(path('build', 'object'))).toBe(false)
  expect(await build()).toEqual({ isNew: false })
})

test("after a kill it stays where Ninja's file is: Ninja knows which files are half written", async () => {
  writeFileSync(path('build', 'build.ninja'), '')
  await killBuild()
  expect(await build()).toEqual({ isNew: false })
})

test('an interruption counts as a kill', async () => {
  expect(await build(`stop.abort(new Error('Ctrl-C')); throw new Error('make was killed')`)).toEqual({ error: 'make was killed' })
  expect(await build(`stop.abort(new Error('Ctrl-C'))`)).toEqual({ error: 'Ctrl-C' })
  expect(await build()).toEqual({ isNew: true })
})

test("it goes on after a compiler's error", async () => {
  expect(await build(`throw new Error('the compiler failed')`)).toEqual({ error: 'the compiler failed' })
  expect(await build()).toEqual({ isNew: false })
})

/** What an import of the package loads, and what it exports. */
import * as lib from '../../lib'
import { PACKAGE, runScript, WELL_ENDED } from '../support/child-script'
import { runNode } from '../support/run-program'

/** Folders of dist for what most programs never call. */
const LATER = ['charts', 'checkpoints', 'cli', 'doctor', 'files', 'formats', 'images', 'runs', 'search', 'server', 'data/sources']
/** An import takes none of them, and these files only for the path of the package and of what a user names. */
const NEEDED = ['files/path-argument.js']

/** Code that prints which of those folders' files are loaded. */
const PRINT_LOADED = `
  const later = ${JSON.stringify(LATER)}
  const { join, relative, sep } = require('node:path')
  const dist = join(process.env.PACKAGE_UNDER_TEST, '..')
  const loaded = Object.keys(require.cache).map((file) => relative(dist, file).split(sep).join('/'))
  const found = loaded.filter((file) => later.some((folder) => file.startsWith(folder + '/')) && !${JSON.stringify(NEEDED)}.includes(file))
  const packages = loaded.filter((file) => file.includes('node_modules'))
  console.log(JSON.stringify([...found, ...packages]))
`

test('an import loads no charts, pictures, readers of data, search or server', async () => {
  expect(await runScript(PRINT_LOADED)).toMatchObject({ ...WELL_ENDED, stdout: '[]\n' })
})

test('nor does a first model, but for what loads the addon', async () => {
  const outcome = await runScript(`const model = new ImageRNN(options); await model.predict(dataset().images(0, 2)); ${PRINT_LOADED}`)
  expect(outcome).toMatchObject(WELL_ENDED)
  const loaded: string[] = JSON.parse(outcome.stdout)
  expect(loaded.filter((file) => !/^files\/|node_modules\/detect-libc\//.test(file))).toEqual([])
})

test('import and require give the same names, and the same objects', async () => {
  const script = `
    import * as imported from ${JSON.stringify(PACKAGE.replace(/js$/, 'mjs'))}
    import { createRequire } from 'node:module'
    const required = createRequire(import.meta.url)(${JSON.stringify(PACKAGE)})
    const names = Object.keys(required).sort()
    console.log(JSON.stringify({ names, differ: names.filter((name) => imported[name] !== required[name]) }))
  `
  const { stdout } = await runNode(['--input-type=module', '--eval', script])
  expect(JSON.parse(stdout)).toEqual({ names: Object.keys(lib).sort(), differ: [] })
})

test('every function has its own name, and its parameters', () => {
  const functions = Object.entries(lib).filter(([, value]) => typeof value === 'function')
  for (const [name, value] of functions) expect((value as () => unknown).name).toBe(name)
  expect(lib.searchHyperparameters.constructor.name).toBe('AsyncGeneratorFunction')
})

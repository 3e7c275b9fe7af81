/** The statements in README and docs are true. */
import { existsSync, readdirSync } from 'node:fs'
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { transform } from '@swc/core'
import { readmeExample } from '../support/readme-example'
import { REPOSITORY, runNode } from '../support/run-program'
import { useTemporaryFolder } from '../support/temporary-folder'

/** So many samples of MNIST the README's example gets, of which it sets 5000 aside. accuracy.test.ts trains a whole epoch. */
const EXAMPLE_SAMPLES = 10_000

const path = useTemporaryFolder()

/** A folder in which the package seems installed to Node and TypeScript. */
async function installedPackage(): Promise<void> {
  await mkdir(path('node_modules'))
  await symlink(REPOSITORY, path('node_modules', 'torch-rnn-mnist'), 'junction')
  await writeFile(path('package.json'), '{ "type": "module" }')
}

test("the README's example compiles, strictly", async () => {
  await installedPackage()
  await writeFile(path('example.ts'), readmeExample())
  const compilerOptions = { target: 'es2022', lib: ['es2023', 'esnext.disposable'], module: 'node20', strict: true, noEmit: true }
  const types = { types: ['node'], typeRoots: [join(REPOSITORY, 'node_modules', '@types')], noUncheckedIndexedAccess: true }
  await writeFile(path('tsconfig.json'), JSON.stringify({ compilerOptions: { ...compilerOptions, ...types }, files: ['example.ts'] }))
  const tsc = join(REPOSITORY, 'node_modules', 'typescript', 'bin', 'tsc')
  expect(await runNode([tsc, '--project', path()])).toMatchObject({ code: 0, stdout: '' })
})

/** The README's example, unchanged but for the number of samples that it trains on. */
function shortExample(): string {
  const loading = 'const { train, test } = await loadMnist()'
  const [before, after, ...others] = readmeExample().split(loading)
  expect([after, ...others]).toEqual([expect.stringContaining('validationSplit: 5000')])
  const part = `const { train: all, test } = await loadMnist()\nconst train = all.slice(0, ${EXAMPLE_SAMPLES})`
  return `${before}${part}${after}`
}

test("the README's example runs", async () => {
  await installedPackage()
  const { code } = await transform(shortExample(), { jsc: { target: 'es2022', parser: { syntax: 'typescript' } } })
  const checks = `
console.error(JSON.stringify({ epochs: history.epochs.length, accuracy, rows: confusionMatrix.length, perClass: perClass.length,
  logits: logits.shape, classes: classes.length, probabilities: probabilities.shape, same: same.options.hiddenSize }))`
  await writeFile(path('example.js'), `${code}${checks}`)
  const outcome = await runNode([path('example.js')], { cwd: path() })
  expect(outcome).toMatchObject({ code: 0 })
  expect(outcome.stdout).toContain('Total params: 119,110')
  expect(outcome.stdout.trimEnd().split('\n').at(-1)).toBe('[ 28, 128, 150 ]')
  const { accuracy, ...rest } = JSON.parse(outcome.stderr)
  expect(accuracy).toBeGreaterThan(0.3) // 0.44 with this seed; 0.1 for a network that has learned nothing.
  expect(rest).toEqual({ epochs: 1, rows: 10, perClass: 10, logits: [128, 10], classes: 128, probabilities: [128, 10], same: 150 })
})

test('docs/errors.md has every code, and no other', async () => {
  const codesIn = async (...file: string[]) => {
    const text = await readFile(join(REPOSITORY, ...file), 'utf8')
    return new Set(text.match(/(?<=^ {2}\| '|^\| `)ERR_[A-Z_]+/gm))
  }
  const declared = await codesIn('lib', 'errors.ts')
  expect(declared.size).toBeGreaterThan(5)
  expect(await codesIn('docs', 'errors.md')).toEqual(declared)
})

test('links in the documents lead to files', async () => {
  const documents = readdirSync(join(REPOSITORY, 'docs')).flatMap((name) => (name.endsWith('.md') ? [`docs/${name}`] : []))
  expect(documents).toContain('docs/errors.md')
  for (const document of [
    'README.md',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
    'binding.gyp.md',
    ...documents,
    'examples/browser/README.md',
    'models/mnist/README.md',
  ]) {
    const text = await readFile(join(REPOSITORY, document), 'utf8')
    const links = Array.from(text.matchAll(/\]\((?!https?:)([^)#]+)/g), (match) => match[1] as string)
    const missing = links.filter((link) => !existsSync(join(REPOSITORY, dirname(document), link)))
    expect([document, ...missing]).toEqual([document])
  }
})

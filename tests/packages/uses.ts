/** What users do with the installed package: each use is a file in their project and a program that runs it. */
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readmeExample } from '../support/readme-example'
import { RUN_FILES } from '../support/run-files'
import { REPOSITORY } from '../support/run-program'
import { TINY_NETWORK, writeTinyMnist } from '../support/tiny-mnist'
import type { BareMachine } from './bare-machine'

export const NAME = 'torch-rnn-mnist'

/** A tiny training through the public API; then prints the libraries that the process has loaded for it. */
const TRAIN = `
const images = Uint8Array.from({ length: 12 * 4 * 5 }, (_, index) => index * 97)
const labels = Uint8Array.from({ length: 12 }, (_, index) => index % 3)
const dataset = new ImageDataset({ images, shape: [12, 4, 5], labels, numClasses: 3 })
const options = { inputSize: 5, hiddenSize: 6, numLayers: 2, numClasses: 3, device: 'cpu' as string }
const model = new ImageRNN(options)
const trained = model.train(dataset, { epochs: 2, batchSize: 4 }).then(({ epochs }) => {
  model.dispose()
  console.log(JSON.stringify(epochs.map(({ epoch, trainLoss }) => [epoch, Number.isFinite(trainLoss)])))
  const { sharedObjects } = process.report.getReport() as unknown as { sharedObjects: string[] }
  console.log(JSON.stringify(sharedObjects.filter((file) => /[.]node$|torch|libc10|libgomp|libcu/.test(file))))
})
`
const TRAIN_JAVASCRIPT = TRAIN.replace(/ as (?:string|unknown as .*)$/gm, '').replace("'cpu' as string", "'cpu'")

const USES = {
  'use.cjs': `const { ImageDataset, ImageRNN } = require('${NAME}')\n${TRAIN_JAVASCRIPT}`,
  'use.mjs': `import { ImageDataset, ImageRNN } from '${NAME}'\n${TRAIN_JAVASCRIPT}await trained\n`,
  'use-import.mts': `import { ImageDataset, ImageRNN } from '${NAME}'\n${TRAIN}export { trained }\n`,
  'use-require.cts': `import torch = require('${NAME}')\nconst { ImageDataset, ImageRNN } = torch\n${TRAIN}export { trained }\n`,
}

/** A project in which the package is installed, and how its user runs Node there. */
export interface Project {
  machine: BareMachine
  folder: string
  /** The words before the file: `node`, or `yarn node`. */
  node: readonly [string, ...string[]]
}

function write({ folder }: Project, file: string, text: string): void {
  writeFileSync(join(folder, file), text)
}

async function runFile({ machine, folder, node: [command, ...args] }: Project, file: string): Promise<string> {
  return machine.succeed(command, [...args, file], { cwd: folder })
}

/** Runs a program that trains. Checks that it trained, and that all loaded libraries are inside the machine. */
async function expectToTrain(project: Project, file: string): Promise<void> {
  const [epochs, libraries = '[]'] = (await runFile(project, file)).trim().split('\n')
  expect(epochs).toBe('[[1,true],[2,true]]')
  const files = JSON.parse(libraries) as string[]
  const names = files.map((path) => path.split('/').at(-1))
  expect(names).toEqual(expect.arrayContaining(['torch_rnn_mnist.node', 'loader.node', 'libtorch_cpu.so', 'libc10.so', 'libgomp.so.1']))
  expect(files.filter((path) => path.startsWith(`${REPOSITORY}/`))).toEqual([])
  expect(files.filter((path) => !path.startsWith(project.machine.path()))).toEqual([])
}

export async function expectScripts(project: Project): Promise<void> {
  for (const file of ['use.cjs', 'use.mjs'] as const) {
    write(project, file, USES[file])
    await expectToTrain(project, file)
  }
}

/** The command trains, saves, reads what it saved, and doctor finds no fault. @param exec - Runs the program of a package. */
export async function expectCommand({ machine, folder }: Project, [program, ...words]: Project['node']): Promise<void> {
  const command = (args: readonly string[]) => machine.succeed(program, [...words, 'rnn-mnist-train', ...args], { cwd: folder })
  const data = ['--data', writeTinyMnist(join(folder, 'data'))]
  for (const run of ['first', 'second']) {
    // The second one replaces the file that the first one wrote.
    await command(['train', ...TINY_NETWORK, '--epochs', '1', ...data, '--run', run, '--output', 'model.safetensors'])
    expect(readdirSync(join(folder, run)).sort()).toEqual(RUN_FILES)
  }
  expect(await command(['evaluate', ...data, '--model', 'model.safetensors'])).toContain('Test Accuracy')
  const files = readdirSync(folder)
  expect(await command(['doctor', ...data])).toMatch(/^ok {7}write access: the folder for runs/m)
  expect(readdirSync(folder)).toEqual(files)
}

/** A bundle of the user's code that leaves the package external. */
export async function expectBundle(project: Project): Promise<void> {
  write(project, 'entry.ts', USES['use-import.mts'])
  const esbuild = project.machine.path('tools', 'node_modules', 'esbuild', 'bin', 'esbuild')
  const args = ['entry.ts', '--bundle', '--platform=node', `--external:${NAME}`, '--outfile=bundle.cjs', '--log-level=warning']
  await project.machine.succeed('node', [esbuild, ...args], { cwd: project.folder })
  await expectToTrain(project, 'bundle.cjs')
}

/** Options that are not set. At run time they count as absent, and so they must for the types. */
const UNSET = `
import { ImageDataset, ImageRNN, loadIdx, loadLibtorch, loadMnist, SaveFeatures, TorchRnnError } from '${NAME}'
export async function use(unset: undefined): Promise<void> {
  await loadLibtorch({ signal: unset })
  const { train } = await loadMnist({ dir: unset })
  using model = new ImageRNN({
    ...{ inputSize: unset, hiddenSize: unset, numLayers: unset, numClasses: unset, nonlinearity: unset, recurrentInit: unset },
    ...{ seed: unset, device: unset, engine: unset, threads: unset, precision: unset },
  })
  const threads: number = model.options.threads
  const callbacks = { signal: unset, onBatch: unset, onEpoch: unset }
  const data = { validationData: unset, validationSplit: unset }
  await model.train(train, { epochs: threads, batchSize: unset, learningRate: unset, shuffle: unset, logInterval: unset, ...data, ...callbacks })
  await model.evaluate(train.randomSplit([1], { seed: unset })[0] ?? train, { batchSize: unset, signal: unset })
  await loadIdx({ images: 'images', labels: 'labels', numClasses: unset })
  new ImageDataset({ images: new Uint8Array(1), shape: [1, 1, 1], labels: [0], numClasses: unset })
  new SaveFeatures(model, unset).close()
  await ImageRNN.load('model', { seed: unset, device: unset, engine: unset, threads: unset, precision: unset })
  throw new TorchRnnError('ERR_BUSY', 'busy', { expected: unset, actual: unset, detail: unset })
}
`

/** How a project may be set up without the types of Node. */
const LEAN_PROJECTS = [
  { lib: ['es2022'], module: 'node16' },
  { lib: ['es2022', 'dom'], module: 'node16' },
  { lib: ['es2022'], module: 'esnext', moduleResolution: 'bundler' },
]

/** The typings compile, the libraries' own included, where the project has no @types/node, and an option may be undefined. */
export async function expectLeanTypes(project: Project, compiler: 'typescript' | 'typescript-5'): Promise<void> {
  const { machine, folder } = project
  const strict = { strict: true, noEmit: true, skipLibCheck: false, exactOptionalPropertyTypes: true }
  write(project, 'unset.mts', UNSET)
  for (const kind of LEAN_PROJECTS) {
    write(
      project,
      'tsconfig.json',
      JSON.stringify({ compilerOptions: { ...strict, target: 'es2022', types: [], ...kind }, files: ['unset.mts'] }),
    )
    await machine.succeed('node', [machine.path('tools', 'node_modules', compiler, 'bin', 'tsc'), '--project', folder], { cwd: folder })
  }
}

/** The README's example and both kinds of modules compile strictly; a wrong type is found, so there are types. */
export async function expectTypes(project: Project): Promise<void> {
  const { machine, folder } = project
  const tools = machine.path('tools', 'node_modules')
  const tsc = join(tools, 'typescript', 'bin', 'tsc')
  const strict = { strict: true, noEmit: true, skipLibCheck: false, noUncheckedIndexedAccess: true }
  const language = { target: 'es2022', lib: ['es2023', 'esnext.disposable'], module: 'node20', types: ['node'] }
  const configure = (files: string[]) =>
    write(
      project,
      'tsconfig.json',
      JSON.stringify({ compilerOptions: { ...strict, ...language, typeRoots: [join(tools, '@types')] }, files }),
    )
  write(project, 'example.mts', readmeExample())
  for (const file of ['use-import.mts', 'use-require.cts'] as const) write(project, file, USES[file])
  configure(['example.mts', 'use-import.mts', 'use-require.cts'])
  await machine.succeed('node', [tsc, '--project', folder], { cwd: folder })
  write(project, 'wrong.mts', USES['use-import.mts'].replace("'cpu' as string", '1'))
  configure(['wrong.mts'])
  const { code, stdout } = await machine.run('node', [tsc, '--project', folder], { cwd: folder })
  expect(code).not.toBe(0)
  expect(stdout).toContain('wrong.mts(')
}

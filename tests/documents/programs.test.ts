/** The programs in examples/ run where the package is installed, and do what they say. */
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { REPOSITORY, runNode } from '../support/run-program'
import { useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()

const PICTURES = join(REPOSITORY, 'tests', 'fixtures', 'pictures')
const CPU = { TORCH_RNN_MNIST_CUDA: '0' }

beforeEach(() => {
  mkdirSync(path('node_modules'))
  symlinkSync(REPOSITORY, path('node_modules', 'torch-rnn-mnist'), 'junction')
})

/** Runs a program from a copy, as a user would. @param change - Makes it shorter. */
async function runExample(name: string, args: readonly string[], change: (text: string) => string = (text) => text): Promise<string> {
  writeFileSync(path(name), change(readFileSync(join(REPOSITORY, 'examples', name), 'utf8')))
  const { code, stdout, stderr } = await runNode([path(name), ...args], { cwd: path(), env: CPU })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout
}

test('the tutorial', async () => {
  const loading = 'const { train, test } = await loadMnist()'
  const stdout = await runExample('tutorial.mjs', ['1'], (text) => {
    expect(text).toContain(loading)
    return text.replace(loading, 'const { train: all, test } = await loadMnist(); const train = all.slice(0, 5000)')
  })
  expect(stdout).toContain('Total params: 119,110')
  expect(stdout).toContain('Logits of a batch: [ 128, 10 ]')
  expect(stdout).toMatch(/^Epoch 1: loss \d\.\d{4}, accuracy \d\d\.\d\d %\nTest: loss \d\.\d{4}, accuracy \d\d\.\d\d %$/m)
  expect(readdirSync(path())).toContain('model.safetensors')
})

test('hooks', async () => {
  const stdout = await runExample('hooks.mjs', [])
  expect(stdout).toContain('FC: [4,150] -> [4,10]\n')
  expect(stdout).toContain('basic_rnn: states [28,1,150], last states [3,1,150]\n')
  expect(stdout.match(/^row +\d+: #* \d+$/gm)).toHaveLength(28)
})

test('own data, from folders of pictures', async () => {
  // Two classes of the committed pictures: zeros and ones.
  for (const digit of ['0', '1']) {
    mkdirSync(path('pictures', digit), { recursive: true })
    for (const set of ['upright', 'photos']) {
      const files = readdirSync(join(PICTURES, set)).filter((name) => name.startsWith(`${digit}-`))
      await Promise.all(files.map((file) => copyFile(join(PICTURES, set, file), path('pictures', digit, file))))
    }
  }
  const stdout = await runExample('own-data.mjs', ['pictures'])
  expect(stdout).toContain('25 pictures to train with, 7 to check with, 2 classes: 0, 1\n')
  const [, percent] = /^Accuracy on pictures that it has not seen: ([\d.]+) %$/m.exec(stdout) ?? []
  expect(Number(percent)).toBeGreaterThan(80)
  expect(readdirSync(path())).toContain('own-data.safetensors')
})

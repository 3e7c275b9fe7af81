/** The model card: true, safe from what users name things, and read by the Hub's YAML reader. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { modelCardOf, writeModelCard } from '../../lib/runs/card-file'
import { drawModelCard } from '../../lib/runs/model-card'
import { PYTHON_MODEL } from '../../lib/runs/python-model'
import { readRun } from '../../lib/runs/run-record'
import { runPython } from '../support/python'
import { REPOSITORY } from '../support/run-program'
import { type SampleRun, writeSampleRun } from '../support/sample-runs'
import { useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()

async function cardOf(sample: SampleRun = {}, name = 'run'): Promise<string> {
  return drawModelCard(await readRun(await writeSampleRun(path(name), sample)))
}

/** The head of a card, and its text. */
function partsOf(card: string): { head: string; body: string } {
  const [, head = '', body = ''] = /^---\n([\s\S]*?)\n---\n([\s\S]*)$/.exec(card) ?? []
  return { head, body }
}

/** Reads documents of YAML as huggingface_hub does, with PyYAML. */
async function readYaml(documents: readonly string[]): Promise<unknown[]> {
  writeFileSync(path('documents.json'), JSON.stringify(documents))
  const program =
    'import json, sys, yaml; print(json.dumps([yaml.safe_load(text) for text in json.load(open(sys.argv[1], encoding="utf-8"))]))'
  return JSON.parse(await runPython(['-c', program, path('documents.json')], { packages: 'tensorboard' })) as unknown[]
}

/** Names that could end a quotation, a line, a table or a block of code, and characters that some readers of YAML refuse. */
const HOSTILE = [
  'plain',
  'with "quotes" and \'others\'',
  'a: b # c',
  '---',
  '\n---\n# heading\n```\n| cell |\n',
  '```` `x` <script>alert(1)</script> [link](x) ![image](x) $(rm) | cell',
  '\u0000\u001b[31m\u007f\u0085\u2028\ufeff\uffff',
  'naïve 数字 😀',
  'half \ud800 a character',
  '{{ x }} %s \\u0041 \\',
  '1e3',
  'null',
  '-x',
]

test('its head holds what the Hub shows, whatever the names are', async () => {
  // The names of runs and data are folders', but these reach the card by other ways than the file system's.
  const run = await readRun(await writeSampleRun(path('run')))
  const lastPart = (name: string) => name.replaceAll(/[/\\]/g, '_')
  const cards = [drawModelCard(run), ...HOSTILE.map((name) => drawModelCard({ ...run, name, data: `folder/${lastPart(name)}` }))]
  const [bundled, ...named] = await readYaml(cards.map((card) => partsOf(card).head))
  const index = (name: string, dataset: object) => [
    {
      name,
      results: [
        {
          task: { type: 'image-classification', name: 'Image Classification' },
          dataset: { ...dataset, split: 'test' },
          metrics: [
            { type: 'accuracy', name: 'Test accuracy', value: 0.75 },
            { type: 'loss', name: 'Test loss', value: 0.5 },
          ],
        },
      ],
    },
  ]
  expect(bundled).toEqual({
    library_name: 'pytorch',
    pipeline_tag: 'image-classification',
    tags: ['torch-rnn-mnist', 'rnn', 'image-classification', 'model_hub_mixin', 'pytorch_model_hub_mixin'],
    datasets: ['mnist'],
    metrics: ['accuracy'],
    'model-index': index('run', { type: 'mnist', name: 'MNIST' }),
  })
  for (const [position, read] of named.entries()) {
    const name = (HOSTILE[position] as string).replaceAll('\ud800', '\ufffd')
    expect(read).toMatchObject({ 'model-index': index(name, { type: 'idx', name: lastPart(name) }) })
    expect(read).not.toHaveProperty('datasets')
  }
})

test('numbers that are not finite are left out of its head; very small ones stay numbers', async () => {
  const run = await readRun(await writeSampleRun(path('run')))
  const losses = [Number.NaN, 1e-7, 1e21]
  const cards = losses.map((loss) => drawModelCard({ ...run, evaluation: { ...(run.evaluation as object), loss } as never }))
  const heads = (await readYaml(cards.map((card) => partsOf(card).head))) as { 'model-index': [{ results: [{ metrics: object[] }] }] }[]
  const metrics = heads.map((head) => head['model-index'][0].results[0].metrics)
  const accuracy = { type: 'accuracy', value: 0.75 }
  expect(metrics[0]).toMatchObject([accuracy])
  expect(metrics[1]).toMatchObject([accuracy, { type: 'loss', value: 1e-7 }])
  expect(metrics[2]).toMatchObject([accuracy, { type: 'loss', value: 1e21 }])
})

test('what a name holds is no markup in its text', async () => {
  const run = await readRun(await writeSampleRun(path('run')))
  const plain = partsOf(drawModelCard({ ...run, name: 'x', data: 'x' })).body
  const linesLike = (pattern: RegExp, text: string) => text.split('\n').filter((line) => pattern.test(line)).length
  for (const name of HOSTILE) {
    const { body } = partsOf(drawModelCard({ ...run, name, data: name, device: name }))
    // Behind the command line, in whose block of code anything may stand, everything is as usual.
    const [before = '', block = ''] = body.split('## Train it again\n\n')
    for (const pattern of [/^#/, /^\|/, /^- /, /^```/]) {
      expect([name, linesLike(pattern, before)]).toEqual([name, linesLike(pattern, plain.split('## Train it again')[0] ?? '')])
    }
    expect(before).not.toMatch(/(?<!\\)<script/)
    const [, fence = ''] = /^(`{3,})sh\n/.exec(block) ?? []
    expect(block.split(`\n${fence}\n`)).toHaveLength(2)
    expect(block).toMatch(/Every random choice follows from the seed\.\n$/)
  }
})

test('it tells network, training and result', async () => {
  const options = { learningRate: 0.01, nonlinearity: 'relu', betas: [0.9, 0.99], shuffle: false, seed: 7 }
  const epochs = [0.5, 0.25].map((validationLoss) => ({ validationLoss, validationAccuracy: 1 - validationLoss }))
  const card = await cardOf({ options, epochs, data: join('some', 'where', 'my fashion') })
  for (const part of [
    'of 4 relu neurons',
    'It has 146 parameters', // 4 * 28 + 4 * 4 + 2 * 4 in the layer, 2 * 4 + 2 behind it
    '- 2 epochs, 20 updates on 1000 images',
    '- cpu, 1 thread, 22 seconds',
    '- torch-rnn-mnist 1.2.3, libtorch 2.15.0, node 20.19.0',
    '| learningRate | 0.01 |',
    '| Test accuracy | 75.00 % |',
    '| Validation accuracy of the best epoch (2) | 75.00 % |',
    '| 1 | 0.8333 | 0.6250 | 0.7143 | 8 |',
    "npx rnn-mnist-train --data 'my fashion' --hidden-size 4 --num-layers 1 --nonlinearity relu --seed 7 --epochs 2 --no-shuffle " +
      '--learning-rate 0.01 --betas 0.9,0.99\n',
  ]) {
    expect(card).toContain(part)
  }
  expect(card).not.toContain('where') // Where the data lay is nobody's concern.
  expect(card).not.toMatch(/^license:/m) // It is for the owner to choose.
})

test('it tells what the network takes, whatever its size', async () => {
  const card = await cardOf({ options: { inputSize: 20 } })
  expect(card.match(/images: \[N, T, \d+\]/g)).toEqual(['images: [N, T, 20]', 'images: [N, T, 20]'])
})

test('it names the epochs that are done alone where the run does not tell how many it should have', async () => {
  const run = await readRun(await writeSampleRun(path('run')))
  const { epochs, ...options } = run.options
  expect(epochs).toBe(2)
  expect(drawModelCard({ ...run, options })).toContain('\n- 2 epochs, 20 updates on 1000 images\n')
  expect(drawModelCard({ ...run, options, epochs: run.epochs.slice(0, 1) })).toContain('\n- 1 epoch, 10 updates')
})

test('it names the model that the training began from', async () => {
  const card = await cardOf({ config: { model: 'some/where/first.safetensors' } })
  expect(card).toContain('- from the weights of another model, first.safetensors\n')
  expect(card).toContain('npx rnn-mnist-train --model first.safetensors --hidden-size 4')
})

test('it says that a run was not completed', async () => {
  const card = await cardOf({ isDone: false, epochs: [{}] })
  expect(card).toContain('- 1 of 2 epochs, 10 updates')
  expect(card).toContain('the test set was not measured')
  expect(card).not.toContain('model-index')
})

describe('README.md of a run', () => {
  const text = () => readFileSync(path('run', 'README.md'), 'utf8')

  test('is written again after the training goes on', async () => {
    await writeSampleRun(path('run'), { isDone: false, epochs: [{}] })
    expect(await writeModelCard(path('run'))).toBe(true)
    const first = text()
    await writeSampleRun(path('run2'))
    writeFileSync(path('run', 'metrics.jsonl'), readFileSync(path('run2', 'metrics.jsonl')))
    expect(await writeModelCard(path('run'))).toBe(true)
    expect(text()).not.toBe(first)
  })

  test("stays when it is the user's own", async () => {
    const run = await readRun(await writeSampleRun(path('run')))
    writeFileSync(path('run', 'README.md'), 'mine')
    expect(await writeModelCard(path('run'))).toBe(false)
    expect(text()).toBe('mine')
    expect(Buffer.from(await modelCardOf(run)).toString()).toBe('mine')
  })
})

describe('for Python', () => {
  test('the class in the card is that of the example, and its arguments are in config.json', async () => {
    const example = join(REPOSITORY, 'examples', 'python', 'image_rnn.py')
    const [imports = '', model = ''] = PYTHON_MODEL.split('\n\n\n')
    for (const part of [imports, model]) expect(readFileSync(example, 'utf8')).toContain(`${part}\n`)
    expect(await cardOf()).toContain(PYTHON_MODEL)
    const program = `
import ast, json, sys
tree = ast.parse(open(sys.argv[1], encoding="utf-8").read())
init = next(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "__init__")
print(json.dumps([argument.arg for argument in init.args.args]))`
    const [self, ...names] = JSON.parse(await runPython(['-c', program, example])) as string[]
    expect(self).toBe('self')
    const config = JSON.parse(readFileSync(path('run', 'config.json'), 'utf8')) as Record<string, unknown>
    expect(names.map((name) => config[name])).toEqual([28, 4, 1, 2, 'tanh'])
  })
})

import { loadMnist } from '../../lib'
import { parameterShapes } from '../../lib/model/architecture'
import { combineEvaluations, type Evaluation } from '../../lib/model/evaluation'
import { writeModelFile } from '../../lib/model/model-file'
import { eventsOf, eventsOfType, linesOf, TINY_DATA, useCommandLine } from '../support/command-line'
import { expectClose } from '../support/expect-close'
import { TINY_TEST_SAMPLES } from '../support/tiny-mnist'
import { SAME_PLACE, useTinyModels } from '../support/tiny-model'

const { path, run, succeed } = useCommandLine()
const createModel = useTinyModels()

const FILE = 'digits.safetensors'
const EVALUATE = ['evaluate', ...TINY_DATA, ...SAME_PLACE, '--model', FILE]
const RESULT = /^Test Loss : \d\.\d{4} \| Test Accuracy : \d+\.\d\d %$/
const CLASSES = Array.from({ length: 10 }, (_, label) => label)

async function saveModel(): Promise<Evaluation> {
  const { model, data } = await createModel(path('data'), path(FILE))
  return await model.evaluate(data.test)
}

/** The words of each line of a table, from the line after `head` on, as many lines as there are classes. */
function rowsAfter(lines: readonly string[], head: RegExp): string[][] {
  const start = lines.findIndex((line) => head.test(line))
  expect(start).toBeGreaterThan(-1)
  return lines.slice(start + 1, start + 1 + CLASSES.length).map((line) => line.trim().split(/\s+/))
}

describe('the tables', () => {
  test('come between the result and the end, in this order', async () => {
    await saveModel()
    const lines = linesOf(await succeed(EVALUATE))
    const tables = lines.slice(5)
    expect(lines[4]).toMatch(RESULT)
    expect(tables.map((line) => line.trim().split(/\s+/)[0])).toEqual([
      ...['', 'Confusion', '0', ...CLASSES.map(String)],
      ...['', 'Class', ...CLASSES.map(String)],
      ...['', 'Done'],
    ])
  })

  test('are the confusion matrix and the metrics that the library measures', async () => {
    const { confusionMatrix, perClass } = await saveModel()
    const lines = linesOf(await succeed(EVALUATE))
    const cells = rowsAfter(lines, /^ +0 +1 +2 +3 +4 +5 +6 +7 +8 +9$/)
    expect(cells.map(([label]) => Number(label))).toEqual(CLASSES)
    const counts = cells.map(([, ...row]) => row.map((cell) => (cell === '.' ? 0 : Number(cell))))
    expect(counts).toEqual(confusionMatrix)
    expect(counts.flat().reduce((sum, count) => sum + count)).toBe(TINY_TEST_SAMPLES)

    const metrics = rowsAfter(lines, /^Class +Precision +Recall +F1 +Support$/)
    expect(metrics).toEqual(
      perClass.map(({ label, precision, recall, f1, support }) => [
        String(label),
        ...[precision, recall, f1].map((share) => share.toFixed(4)),
        String(support),
      ]),
    )
    expect(perClass.map(({ support }) => support)).toEqual(counts.map((row) => row.reduce((sum, count) => sum + count)))
  })

  test('are not wider than 60 columns and have no colours, with the whole test set of MNIST too', async () => {
    await saveModel()
    const { stdout, code } = await run(['evaluate', ...SAME_PLACE, '--model', FILE])
    expect(code).toBe(0)
    const lines = linesOf(stdout)
    expect(lines.slice(4).filter((line) => line.length > 60)).toEqual([])
    expect(stdout).toMatch(/^[\x20-\x7e\n]*$/)
    const counts = rowsAfter(lines, /^ +0 +1 .*9$/).map(([, ...row]) =>
      row.reduce((sum, cell) => sum + (cell === '.' ? 0 : Number(cell)), 0),
    )
    expect(counts).toEqual([980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009])
  })

  test('are not printed with --quiet', async () => {
    await saveModel()
    expect(linesOf(await succeed([...EVALUATE, '--quiet', '--verbose']))).toEqual([expect.stringMatching(RESULT)])
  })
})

describe('--verbose', () => {
  test("prints the tutorial's line for each batch, counted from 00, and the mean over the images", async () => {
    const { accuracy } = await saveModel()
    const lines = linesOf(await succeed([...EVALUATE, '--verbose']))
    const percent = (accuracy * 100).toFixed(2)
    expect(lines.slice(4, 6)).toEqual([`Batch:00, Accuracy : ${percent}%`, `Mean over ${TINY_TEST_SAMPLES} images : ${percent}%`])
    expect(lines[6]).toMatch(RESULT)
    expect(lines[6]).toContain(`Test Accuracy : ${percent} %`)
  })

  test('measures batches of 128 in order, the last one smaller, and weighs each by its images', async () => {
    const { model } = await createModel(path('data'), path(FILE))
    const { test: mnist } = await loadMnist()
    // The bundled test set has 79 batches, so a mean over images differs from one over batches.
    const stdout = await succeed(['evaluate', ...SAME_PLACE, '--model', FILE, '--verbose', '--json'])
    const batches = eventsOfType(stdout, 'evaluationBatch')
    expect(batches.map(({ batch }) => batch)).toEqual(Array.from({ length: 79 }, (_, index) => index + 1))
    expect(batches.map(({ samples }) => samples)).toEqual([...Array<number>(78).fill(128), 16])
    for (const index of [0, 40, 78]) {
      const { accuracy, loss } = await model.evaluate(mnist.slice(index * 128, Math.min((index + 1) * 128, 10_000)))
      expect(batches[index]).toEqual({
        ...{ type: 'evaluationBatch', dataset: 'test', batch: index + 1, batches: 79 },
        ...{ samples: index === 78 ? 16 : 128, accuracy, loss },
      })
    }
    const [evaluation] = eventsOfType(stdout, 'evaluation')
    const meanOf = (key: 'accuracy' | 'loss') => batches.reduce((sum, batch) => sum + batch[key] * batch.samples, 0) / 10_000
    expectClose([evaluation?.accuracy ?? 0, evaluation?.loss ?? 0], [meanOf('accuracy'), meanOf('loss')], { rtol: 1e-12 })
    const whole = await model.evaluate(mnist)
    // Another batch size rounds differently: at most in the sixth digit of the loss.
    expectClose([evaluation?.loss ?? 0], [whole.loss], { rtol: 1e-5 })
    expect(evaluation?.samples).toBe(whole.samples)
    const byBatch = batches.reduce((sum, { accuracy }) => sum + accuracy, 0) / batches.length
    expect(evaluation?.accuracy).not.toBeCloseTo(byBatch, 6)
  })

  test('adds only these events to --json', async () => {
    await saveModel()
    const stdout = await succeed([...EVALUATE, '--verbose', '--json'])
    expect(eventsOf(stdout).map(({ type }) => type)).toEqual(['start', 'evaluationBatch', 'evaluation', 'done'])
  })
})

test('parts of a data set combine to the whole, each weighed by its samples', async () => {
  const { model, data } = await createModel(path('data'), path(FILE))
  const parts = await Promise.all([model.evaluate(data.test.slice(0, 70)), model.evaluate(data.test.slice(70, 100))])
  const [combined, whole] = [combineEvaluations(parts), await model.evaluate(data.test)]
  expectClose([combined.loss], [whole.loss], { rtol: 1e-6 })
  expect({ ...combined, loss: 0, seconds: 0 }).toEqual({ ...whole, loss: 0, seconds: 0 })
  expect(combined.seconds).toBe((parts[0]?.seconds ?? 0) + (parts[1]?.seconds ?? 0))
})

describe.each(['evaluate', 'forward', 'hook'])('%s refuses a model that does not fit the data', (command) => {
  test.each([
    [{ inputSize: 27, numClasses: 10 }, 'one for 27 and 10'],
    [{ inputSize: 28, numClasses: 9 }, 'one for 28 and 9'],
  ])('%j', async (changes, found) => {
    const architecture = { hiddenSize: 4, numLayers: 1, nonlinearity: 'tanh' as const, ...changes }
    const zeros = Array.from(parameterShapes(architecture), ([name, shape]) => {
      return [name, { data: new Float32Array(shape.reduce((product, size) => product * size)), shape }] as const
    })
    await writeModelFile(path(FILE), architecture, new Map(zeros))
    const outcome = await run([command, ...TINY_DATA, ...SAME_PLACE, '--model', FILE])
    expect(outcome).toEqual({
      ...{ code: 1, signal: null, stdout: '' },
      stderr: `Error: ${FILE}: expected a model for rows of 28 pixels and 10 classes but found ${found}.\n`,
    })
  })
})

/**
 * Sequences of different length: padded, with the last real step as the answer. Compared with the numbers that fixtures/pytorch/make_lengths.py
 * took from PyTorch's packed sequences, and with the same sequences one by one, without padding.
 *
 * Tolerances: the same float32 arithmetic in another order of summation. Three updates of Adam divide by small numbers and add up more of it.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { type ForwardHookEvent, ImageDataset, type ImageRNN, type Tensor } from '../../lib'
import { expectClose, norm } from '../support/expect-close'
import { expectError } from '../support/expect-error'
import { SMALL, smallDataset, smallImages, useModels } from '../support/sample-models'
import { useTemporaryFolder } from '../support/temporary-folder'

const TOLERANCE = 1e-6
const TRAINED_TOLERANCE = 1e-5

type Nested = readonly (number | Nested)[]

interface NetworkNumbers {
  readonly parameters: Readonly<Record<string, Nested>>
  readonly logits: number[][]
  /** `[T][N][H]`, 0 where a sequence has ended. */
  readonly outputs: number[][][]
  /** `[L][N][H]` */
  readonly lastStates: number[][][]
  readonly losses: number[]
  readonly after: Readonly<Record<string, Nested>>
}

interface Fixture {
  readonly sizes: {
    readonly inputs: number
    readonly hidden: number
    readonly layers: number
    readonly classes: number
    readonly steps: number
  }
  readonly lengths: number[]
  readonly rate: number
  readonly sequences: number[][][]
  readonly tanh: NetworkNumbers
  readonly relu: NetworkNumbers
}

const fixture = JSON.parse(readFileSync(join(__dirname, '..', 'fixtures', 'pytorch', 'lengths.json'), 'utf8')) as Fixture
const { lengths, rate, sizes } = fixture
const N = lengths.length

const path = useTemporaryFolder()
const createModel = useModels()

function flat(values: Nested): number[] {
  return (values as unknown[]).flat(Number.POSITIVE_INFINITY) as number[]
}

const sequences = {
  data: Float32Array.from(flat(fixture.sequences)),
  shape: [N, sizes.steps, sizes.inputs] as const,
  lengths,
}

function sequenceDataset(): ImageDataset {
  const labels = lengths.map((_, sample) => sample % sizes.classes)
  return new ImageDataset({ images: sequences.data, shape: sequences.shape, labels, lengths, numClasses: sizes.classes })
}

/** The network of the script. */
async function fixtureModel(nonlinearity: 'tanh' | 'relu', engine: 'torch' | 'fused'): Promise<ImageRNN> {
  const { inputs, hidden, layers, classes } = sizes
  const model = createModel({ inputSize: inputs, hiddenSize: hidden, numLayers: layers, numClasses: classes, nonlinearity, engine })
  const state = await model.stateDict()
  for (const [name, values] of Object.entries(fixture[nonlinearity].parameters)) state.get(name)?.data.set(flat(values))
  await model.loadStateDict(state)
  return model
}

const CASES = (['tanh', 'relu'] as const).flatMap((nonlinearity) =>
  (['torch', 'fused'] as const).map((engine) => ({ nonlinearity, engine })),
)

describe.each(CASES)('a $nonlinearity network with the engine $engine', ({ nonlinearity, engine }) => {
  const expected = fixture[nonlinearity]

  test("gives PyTorch's logits, in batches of any size", async () => {
    const model = await fixtureModel(nonlinearity, engine)
    for (const batchSize of [undefined, 1, 3]) {
      const logits = await model.forward(sequences, { batchSize })
      expectClose(logits.data, flat(expected.logits), { atol: TOLERANCE }, logits.shape)
    }
    const { probabilities } = await model.predict(sequences)
    const { loss } = await model.evaluate(sequenceDataset())
    expectClose([loss], expected.losses.slice(0, 1), { atol: TOLERANCE })
    const ofLabels = lengths.map((_, sample) => -Math.log(probabilities.data[sample * sizes.classes + (sample % sizes.classes)] ?? 0))
    expectClose([ofLabels.reduce((sum, each) => sum + each, 0) / N], [loss], { atol: TOLERANCE })
  })

  test("trains as PyTorch's", async () => {
    const model = await fixtureModel(nonlinearity, engine)
    const losses: number[] = []
    const options = { epochs: expected.losses.length, batchSize: N, shuffle: false, learningRate: rate }
    await model.train(sequenceDataset(), { ...options, onBatch: ({ batchLoss }) => void losses.push(batchLoss) })
    expectClose(losses, expected.losses, { atol: TRAINED_TOLERANCE })
    const state = await model.stateDict()
    for (const [name, values] of Object.entries(expected.after)) {
      expectClose(state.get(name)?.data ?? [], flat(values), { atol: TRAINED_TOLERANCE })
    }
  })

  test('shows a hook the states, with zeros for the padding', async () => {
    const model = await fixtureModel(nonlinearity, engine)
    const events: ForwardHookEvent[] = []
    model.registerForwardHook('basic_rnn', (event) => void events.push(event))
    await model.forward(sequences)
    const [outputs, last] = (events[0] as ForwardHookEvent).outputs as [Tensor, Tensor]
    expectClose(outputs.data, flat(expected.outputs), { atol: TOLERANCE }, outputs.shape)
    expectClose(last.data, flat(expected.lastStates), { atol: TOLERANCE }, last.shape)
  })

  test('is inspected as each sequence alone, with zeros for the padding', async () => {
    const model = await fixtureModel(nonlinearity, engine)
    const labels = lengths.map((_, sample) => sample % sizes.classes)
    const { hiddenStates, probabilities, gradientNorms } = await model.inspect(sequences, { labels })
    expectClose(hiddenStates.data.slice(-flat(expected.outputs).length), flat(expected.outputs), { atol: TOLERANCE })
    const { data: answers } = await model.predict(sequences).then(({ probabilities: each }) => each)
    for (const [sample, length] of lengths.entries()) {
      const start = sample * sizes.steps * sizes.inputs
      const alone = { data: sequences.data.subarray(start, start + length * sizes.inputs), shape: [length, sizes.inputs] as const }
      const inside = await model.inspect(alone, { labels: labels.slice(sample, sample + 1) })
      const steps = Array.from({ length: sizes.steps }, (_, step) => step)
      const answerAt = (step: number) =>
        probabilities.data.subarray((step * N + sample) * sizes.classes, (step * N + sample + 1) * sizes.classes)
      const answersAlone = inside.probabilities.data
      expectClose(answerAt(length - 1), answers.subarray(sample * sizes.classes, (sample + 1) * sizes.classes), { atol: TOLERANCE })
      for (const step of steps) {
        const wanted = answersAlone.subarray(step * sizes.classes, (step + 1) * sizes.classes)
        expectClose(answerAt(step), step < length ? wanted : [0, 0, 0], { atol: TOLERANCE })
        for (let layer = 0; layer < sizes.layers; layer += 1) {
          const found = gradientNorms?.data[(layer * sizes.steps + step) * N + sample] ?? Number.NaN
          const inAlone = step < length ? (inside.gradientNorms?.data[layer * length + step] ?? Number.NaN) : 0
          expectClose([found], [inAlone], { atol: TOLERANCE })
        }
      }
    }
  })
})

test('padding has no effect, and a padded sequence counts as the same without it', async () => {
  const { rows: T, inputSize: F } = SMALL
  const property = fc.asyncProperty(
    fc.array(fc.integer({ min: 1, max: T }), { minLength: 1, maxLength: 40 }),
    fc.constantFrom('torch' as const, 'fused' as const),
    fc.constantFrom('tanh' as const, 'relu' as const),
    async (drawn, engine, nonlinearity) => {
      const model = createModel({ engine, nonlinearity, threads: 2 })
      const { data, shape } = smallImages(drawn.length)
      const logits = await model.forward({ data, shape, lengths: drawn })
      const others = data.map((byte, index) => (Math.floor(index / F) % T < (drawn[Math.floor(index / (T * F))] ?? 0) ? byte : 255 - byte))
      expect(await model.forward({ data: others, shape, lengths: Int32Array.from(drawn) })).toEqual(logits)
      for (const [sample, length] of drawn.entries()) {
        const alone = await model.forward({ data: data.subarray(sample * T * F, (sample * T + length) * F), shape: [length, F] })
        expectClose(logits.data.subarray(sample * 3, sample * 3 + 3), alone.data, { atol: TOLERANCE, rtol: TOLERANCE })
      }
    },
  )
  await fc.assert(property, { numRuns: 30 })
})

test('both engines learn the same from shuffled batches', async () => {
  const norms: number[][] = []
  for (const engine of ['torch', 'fused'] as const) {
    const model = await fixtureModel('tanh', engine)
    await model.train(sequenceDataset(), { epochs: 3, batchSize: 2, learningRate: rate, validationData: sequenceDataset() })
    norms.push(Array.from(await model.stateDict(), ([, { data }]) => norm(data)))
  }
  expectClose(norms[1] ?? [], norms[0] ?? [], { rtol: 1e-4 })
})

test('bf16 gives the same answers, but for its rounding', async () => {
  const { inputs, hidden, layers, classes } = sizes
  const model = createModel({
    inputSize: inputs,
    hiddenSize: hidden,
    numLayers: layers,
    numClasses: classes,
    engine: 'torch',
    precision: 'bf16',
  })
  const exact = createModel({ inputSize: inputs, hiddenSize: hidden, numLayers: layers, numClasses: classes, engine: 'torch' })
  const logits = await exact.forward(sequences)
  expectClose((await model.forward(sequences)).data, logits.data, { atol: 0.03 })
  const { probabilities } = await model.inspect(sequences)
  const answers = (await model.predict(sequences)).probabilities.data
  for (const [sample, length] of lengths.entries()) {
    const start = ((length - 1) * N + sample) * classes
    expectClose(probabilities.data.subarray(start, start + classes), answers.subarray(sample * classes, (sample + 1) * classes), {
      atol: 0.01,
    })
  }
  await model.train(sequenceDataset(), { epochs: 1, batchSize: 3 })
})

test('a training goes on only with the same lengths', async () => {
  const checkpoints = { folder: path('run') }
  const options = { epochs: 1, batchSize: N, checkpoints }
  const model = await fixtureModel('tanh', 'fused')
  await model.train(sequenceDataset(), options)
  const { data, shape } = sequences
  const labels = lengths.map((_, sample) => sample % sizes.classes)
  const other = new ImageDataset({ images: data, shape, labels, lengths: lengths.with(0, 8), numClasses: sizes.classes })
  const resume = { resume: path('run'), epochs: 2 }
  const again = await fixtureModel('tanh', 'fused')
  await expectError(() => again.train(other, resume), 'ERR_INVALID_DATA', 'not those of the checkpoint')
  expect((await again.train(sequenceDataset(), resume)).epochs).toHaveLength(2)
})

describe('refused', () => {
  test('are lengths that do not fit', async () => {
    const model = createModel()
    const withLengths = (value: unknown) => () => model.forward({ ...smallImages(2), lengths: value as number[] })
    await expectError(withLengths([4]), 'ERR_INVALID_SHAPE', '2 lengths', '1')
    await expectError(withLengths([4, 0]), 'ERR_INVALID_DATA', 'lengths[1]', '1 to 4')
    await expectError(withLengths([5, 4]), 'ERR_INVALID_DATA', 'lengths[0]')
    await expectError(withLengths([1.5, 4]), 'ERR_INVALID_DATA', 'lengths[0]')
    await expectError(withLengths(4), 'ERR_INVALID_ARGUMENT', 'lengths')
    await expectError(withLengths(null), 'ERR_INVALID_ARGUMENT', 'lengths')
  })

  test('is an augmentation', async () => {
    const augmented = { epochs: 1, augmentRotation: 10 }
    await expectError(
      () => createModel({ inputSize: sizes.inputs }).train(sequenceDataset(), augmented),
      'ERR_INVALID_OPTION',
      'augmentRotation',
    )
    const model = createModel()
    await model.train(smallDataset(6), augmented) // Images are changed.
  })
})

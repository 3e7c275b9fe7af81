/**
 * What TypeScript accepts and refuses. Nothing here runs: `tsc` checks it together with the tests, and an expected error that does not occur
 * is an error.
 */
import {
  type EpochEvent,
  type Evaluation,
  findLearningRate,
  findMistakes,
  type History,
  ImageDataset,
  ImageRNN,
  type Inspection,
  type LoadedImages,
  loadIdx,
  loadImages,
  loadLibtorch,
  loadMnist,
  type Normalization,
  type PreparedDigits,
  plotClassProbabilities,
  plotConfusionMatrix,
  plotEigenvalues,
  plotGradientNorms,
  plotHiddenStates,
  plotMistakes,
  plotRecurrentWeights,
  plotTrainingCurves,
  prepareDigits,
  RECIPES,
  readDigits,
  SaveFeatures,
  type SearchEvent,
  type SearchResult,
  searchHyperparameters,
  type Tensor,
  type TrainingEvent,
} from '../lib'

export async function pictures(model: ImageRNN, history: History, evaluation: Evaluation): Promise<string[]> {
  const { test } = await loadMnist()
  const images = test.images(0, 4)
  const { hiddenStates, probabilities, gradientNorms } = await model.inspect(images, { labels: test.labelsOf(0, 4) })
  const state = await model.stateDict()
  return [
    await plotTrainingCurves([{ name: 'mine', ...history, testAccuracy: evaluation.accuracy }], { theme: 'dark' }),
    await plotConfusionMatrix(evaluation.confusionMatrix, { classNames: ['none'], title: 'Digits' }),
    await plotMistakes(await findMistakes(model, test, { count: 12, signal: AbortSignal.timeout(1000) })),
    await plotHiddenStates(hiddenStates, { images, sample: 2 }),
    await plotClassProbabilities(probabilities, { images, sample: 2, label: 1 }),
    gradientNorms === undefined ? '' : await plotGradientNorms(gradientNorms, { theme: 'auto' }),
    await plotRecurrentWeights(state),
    await plotEigenvalues(state, { title: 'Spectrum' }),
  ]
}

export async function allowed(): Promise<void> {
  await loadLibtorch()
  await loadLibtorch({ signal: AbortSignal.timeout(1000) })
  const { train, test } = await loadMnist()
  const own: LoadedImages = await loadImages({
    data: new URL('file:///pictures'),
    ink: 'dark',
    onProgress: ({ done, total }) => console.log(done / total),
  })
  const names: readonly string[] | undefined = own.train.classNames ?? new ImageRNN({ classNames: ['a', 'b'] }).options.classNames
  console.log(names?.[0], own.reading.firstLabel, own.description)
  await using model = new ImageRNN({ nonlinearity: 'relu', device: 'cuda:1', recurrentInit: 'uniform' })
  const history: History = await model.train(train, {
    validationSplit: 0.1,
    signal: AbortSignal.timeout(1000),
    onBatch: ({ batch, batches }) => console.log(batch / batches),
    onEpoch: async ({ validationLoss }: EpochEvent) => console.log(validationLoss?.toFixed(3)),
  })
  const first: number | undefined = history.epochs[0]?.trainLoss
  const ended: 'completed' | 'early-stopping' | 'callback' = history.ended
  await model.train(train, { ...RECIPES.accurate.training, onEpoch: ({ epoch }) => epoch < (history.bestEpoch ?? 3) })
  await model.train(train, {
    optimizerState: 'keep',
    onEpoch: async ({ learningRate, step }) => (learningRate < 1e-5 ? step < 10 : undefined),
  })
  for await (const event of model.trainEvents(train, { ...RECIPES.tutorial.training, schedule: 'one-cycle' })) {
    const each: TrainingEvent = event
    if (event.type === 'checkpoint') console.log(event.file, event.batch, ended, each.type)
    if (event.type === 'batch' && event.learningRate > 1) break
  }
  const {
    suggestion,
    curve,
    ended: end,
  } = await findLearningRate(model, train, {
    steps: 100,
    optimizer: 'adamw',
    onStep: ({ step, steps, smoothedLoss }) => console.log(step / steps, smoothedLoss),
    signal: AbortSignal.timeout(1000),
  })
  const range: 'completed' | 'diverged' = end
  await model.train(train, { learningRate: suggestion, epochs: curve.length + range.length })
  await using reader = await ImageRNN.loadBundled({ threads: 1 })
  const digits: PreparedDigits = await readDigits(new URL('file:///photo.jpg'), { maxPixels: 1e6 })
  const { boxes } = await prepareDigits({ width: 1, height: 1, pixels: new Uint8Array(1) })
  console.log((await reader.predict(digits)).classes, boxes[0]?.left)
  const evaluation: Evaluation = await model.evaluate(test)
  const f1: number | undefined = evaluation.perClass[first ?? 0]?.f1
  const logits: Tensor = await model.forward({ data: new Float32Array(28 * 28), shape: [28, 28] })
  const { classes, probabilities } = await model.predict(test.images(0, 2))
  const bytes: Uint8Array = classes
  const normalization: Normalization = await train.normalization()
  const sequences = new ImageDataset({ images: new Float32Array(8), shape: [2, 2, 2], labels: [0, 1], lengths: [2, 1] })
  const lengths: Int32Array | undefined = sequences.lengths
  await new ImageRNN({ inputSize: 2, normalization }).forward({ ...sequences.images(), lengths: lengths ?? [1, 2] })
  await model.exportOnnx('model.onnx', { lengths: true })
  const inside: Inspection = await model.inspect(test.images(0, 2), { labels: test.labelsOf(0, 2), signal: AbortSignal.timeout(1000) })
  const norms: Tensor | undefined = inside.gradientNorms
  console.log(inside.hiddenStates.shape, norms?.data, (await model.inspect(test.images(0, 1))).probabilities)
  const state: Map<string, Tensor> = await model.stateDict()
  await model.loadStateDict(new Map([...state, ['FC.bias', probabilities]]))
  const moved: ImageRNN = await model.to('cpu')
  using features = new SaveFeatures(moved)
  const parts: ImageDataset[] = train.slice(0, 100).randomSplit([0.5, 0.5], { seed: 1 })
  const letters: ImageDataset = await loadIdx({ images: 'a', labels: 'b', numClasses: 26 })
  const url = new URL('file:///data/')
  await Promise.all([
    loadMnist({ dir: url }),
    loadIdx({ images: url, labels: url }),
    model.save(url),
    model.exportOnnx(url),
    ImageRNN.load(url),
  ])
  const canvas = new Uint8ClampedArray(28 * 28)
  await model.forward({ data: canvas, shape: [28, 28] })
  parts.push(new ImageDataset({ images: canvas, shape: [1, 28, 28], labels: new Uint8ClampedArray(1) }))
  const handle = model.registerForwardHook('FC', async ({ outputs }) => console.log(outputs.length, logits, f1, bytes))
  handle.remove()
  console.log(features.features, parts, letters, model.parameterCount, model.summary())
}

export async function searched(train: ImageDataset): Promise<void> {
  const search = searchHyperparameters(train, {
    ...{ strategy: 'halving', trials: 9, eta: 3, minEpochs: 1, metric: 'loss', seeds: 2 },
    vary: { learningRate: true, hiddenSize: { low: 64, high: 256, scale: 'linear' }, emaDecay: [null, 0.99], schedule: ['cosine'] },
    ...RECIPES.accurate,
    folder: new URL('file:///search/'),
    signal: AbortSignal.timeout(1000),
  })
  const first: IteratorResult<SearchEvent, SearchResult> = await search.next()
  if (first.done !== true && first.value.type === 'trial') console.log(first.value.best?.values['learningRate'] === null)
  if (first.done !== true || first.value.best === undefined) return
  await new ImageRNN(first.value.best.model).train(train, first.value.best.training)
  for await (const event of searchHyperparameters(train, { vary: undefined, model: undefined })) if (event.type === 'rung') break
  // @ts-expect-error No such activation.
  searchHyperparameters(train, { vary: { nonlinearity: ['sigmoid'] } })
  // @ts-expect-error It cannot vary.
  searchHyperparameters(train, { vary: { epochs: [1, 2] } })
}

/** Whoever passes an option on need not leave it out where it is not set. */
export async function unset(dataset: ImageDataset, nothing: undefined): Promise<number> {
  await loadLibtorch({ signal: nothing })
  const model = new ImageRNN({ hiddenSize: nothing, device: nothing, precision: nothing })
  await model.train(dataset, { epochs: nothing, validationData: nothing, signal: nothing, onEpoch: nothing })
  await findLearningRate(model, dataset, { steps: nothing, startLearningRate: nothing, signal: nothing, onStep: nothing })
  await model.evaluate(dataset, { batchSize: nothing, signal: nothing })
  await model.inspect(dataset.images(), { labels: nothing, signal: nothing })
  await loadMnist({ dir: nothing })
  await loadLibtorch({ signal: nothing })
  return model.options.hiddenSize // Always a number.
}

export async function refused(model: ImageRNN, dataset: ImageDataset): Promise<void> {
  // @ts-expect-error No such option.
  new ImageRNN({ hiddensize: 1 })
  // @ts-expect-error No such activation.
  new ImageRNN({ nonlinearity: 'sigmoid' })
  // @ts-expect-error A number.
  new ImageRNN({ hiddenSize: '150' })
  // @ts-expect-error A flat array has no shape.
  await model.forward(new Float32Array(784))
  // @ts-expect-error Neither bytes nor floats.
  await model.forward({ data: [1, 2, 3], shape: [1, 1, 3] })
  // @ts-expect-error Four dimensions.
  await model.forward({ data: new Uint8Array(4), shape: [1, 1, 1, 4] })
  // @ts-expect-error No such module.
  model.registerForwardHook('rnn', () => {})
  // @ts-expect-error A data set.
  await model.train({ images: [], labels: [] })
  // @ts-expect-error No such option.
  await model.train(dataset, { epoch: 1 })
  // @ts-expect-error Not writable.
  model.options.seed = 2
  // @ts-expect-error Not writable.
  model.device = 'cpu'
  // @ts-expect-error Labels are missing.
  new ImageDataset({ images: new Uint8Array(1), shape: [1, 1, 1] })
  // @ts-expect-error No such option.
  await loadLibtorch({ timeout: 1000 })
  // @ts-expect-error Both files.
  await loadIdx({ images: 'a' })
  // @ts-expect-error Its events are yielded.
  model.trainEvents(dataset, { onEpoch: () => {} })
  // @ts-expect-error The test has rates of its own.
  await findLearningRate(model, dataset, { learningRate: 1 })
  // @ts-expect-error No such schedule.
  await model.train(dataset, { schedule: 'linear' })
  const history = await model.train(dataset)
  // @ts-expect-error Not writable.
  history.epochs.push(history.epochs[0])
}

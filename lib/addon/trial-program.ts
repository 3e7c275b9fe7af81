/**
 * The program of a trial: loads libtorch and the addon as any program would, computes with them, and prints a {@link TrialReport}. With the
 * argument `train` it also trains for a second.
 */
import { writeSync } from 'node:fs'
import { ImageDataset } from '../data/dataset'
import type { TorchRnnError } from '../errors'
import { ImageRNN } from '../model/image-rnn'
import { describeCuda, loadedLibraries, native } from './native'
import type { LoadedFacts, TrialReport } from './trial'

const SAMPLES = 128
const TRAINING_MS = 1000
/** Rows and columns of the images that are made up here. One column is bright; which one tells the class. */
const SIDE = 28
const CLASSES = 4

function makeDataset(): ImageDataset {
  const images = new Uint8Array(SAMPLES * SIDE * SIDE)
  const labels = Uint8Array.from({ length: SAMPLES }, (_, sample) => sample % CLASSES)
  labels.forEach((label, sample) => {
    for (let row = 0; row < SIDE; row += 1) images[sample * SIDE * SIDE + row * SIDE + label * 5 + (sample % 3)] = 255
  })
  return new ImageDataset({ images, shape: [SAMPLES, SIDE, SIDE], labels, numClasses: CLASSES })
}

/**
 * Computes on the GPU where there is one: what fails there must fail here, not in the user's program. Without a training, only libtorch is
 * on trial.
 */
async function compute(train: boolean): Promise<Pick<LoadedFacts, 'threads' | 'training' | 'instructionSet'>> {
  const model = new ImageRNN({ numClasses: CLASSES, hiddenSize: train ? 150 : 16, device: 'auto', engine: train ? 'auto' : 'torch' })
  try {
    const dataset = makeDataset()
    const { data } = await model.forward(dataset.images(0, 4))
    if (!data.every(Number.isFinite)) throw new Error(`the scores of a network are not numbers: ${data.join(', ')}`)
    const threads = await model.threadCount()
    if (!train) return { threads }
    return { threads, instructionSet: native().instructionSets().chosen, training: await trainShortly(model, dataset) }
  } finally {
    await model[Symbol.asyncDispose]()
  }
}

async function trainShortly(model: ImageRNN, dataset: ImageDataset): Promise<NonNullable<LoadedFacts['training']>> {
  const started = performance.now()
  const losses: number[] = []
  while (losses.length < 2 || performance.now() - started < TRAINING_MS) {
    const { epochs } = await model.train(dataset, { epochs: 1, batchSize: 32 })
    for (const { trainLoss } of epochs) losses.push(trainLoss)
  }
  const seconds = (performance.now() - started) / 1000
  return {
    samplesPerSecond: (losses.length * SAMPLES) / seconds,
    firstLoss: losses[0] ?? Number.NaN,
    lastLoss: losses.at(-1) ?? Number.NaN,
  }
}

async function tryAll(): Promise<TrialReport> {
  try {
    const { torchVersion, cpuBackend, cudaDeviceCount } = native()
    const cudaDevices = cudaDeviceCount()
    const { capability: cpuCapability, blas } = cpuBackend()
    const cudaProblem = cudaDevices === 0 ? describeCuda() : ''
    const computed = await compute(process.argv.includes('train'))
    return { facts: { libraries: loadedLibraries(), torchVersion, cpuCapability, blas, cudaDevices, cudaProblem, ...computed } }
  } catch (error) {
    const { message, code } = error as TorchRnnError
    return { error: message, code }
  }
}

// Written at once, not through a stream, so that a crash at the exit does not lose it. The reader sees such a crash as well.
tryAll().then((report) => writeSync(1, `${JSON.stringify(report)}\n`))

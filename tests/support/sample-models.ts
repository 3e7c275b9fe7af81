/** Small networks and datasets made of formulas, for tests that need no particular numbers. */
import { ImageDataset, ImageRNN, type ModelOptions } from '../../lib'
import type { ImageBatch } from '../../lib/data/image-batch'

/** Letters as in lib: T rows, F columns, H hidden, L layers, C classes. All differ, so that a mix-up is noticed. */
export const SMALL = { rows: 4, inputSize: 5, hiddenSize: 6, numLayers: 2, numClasses: 3 } as const

/** On the CPU, where the same numbers come out on every machine. */
export function smallOptions(changes: ModelOptions = {}): ModelOptions {
  const { inputSize, hiddenSize, numLayers, numClasses } = SMALL
  return { inputSize, hiddenSize, numLayers, numClasses, device: 'cpu', threads: 1, ...changes }
}

/** Bytes `[count, 4, 5]`, with all values from 0 to 255 when there are enough. */
export function smallImages(count: number): ImageBatch {
  const data = Uint8Array.from({ length: count * SMALL.rows * SMALL.inputSize }, (_, index) => index * 97)
  return { data, shape: [count, SMALL.rows, SMALL.inputSize] }
}

/** {@link smallImages} with the labels 0, 1, 2, 0, 1, 2 and so on. */
export function smallDataset(count: number): ImageDataset {
  const { data, shape } = smallImages(count)
  const labels = Uint8Array.from({ length: count }, (_, index) => index % SMALL.numClasses)
  return new ImageDataset({ images: data, shape, labels, numClasses: SMALL.numClasses })
}

/** Eight samples of many bright rows. A training on them with ReLU and a learning rate of 100 diverges at once: the states overflow. */
export function divergingDataset(): ImageDataset {
  const shape = [8, 60, SMALL.inputSize] as const
  const images = new Uint8Array(shape[0] * shape[1] * shape[2]).fill(200)
  const labels = Uint8Array.from({ length: shape[0] }, (_, index) => index % SMALL.numClasses)
  return new ImageDataset({ images, shape, labels, numClasses: SMALL.numClasses })
}

/** Makes models that are disposed of after the test. */
export function useModels(): (changes?: ModelOptions) => ImageRNN {
  const models: ImageRNN[] = []
  afterEach(() => {
    for (const model of models.splice(0)) model.dispose()
  })
  return (changes = {}) => {
    const model = new ImageRNN(smallOptions(changes))
    models.push(model)
    return model
  }
}

/** The class with the highest score in each row of logits `[N, C]`; in a tie, the first. */
export function argmaxPerRow({ data, shape }: { readonly data: Float32Array; readonly shape: readonly number[] }): number[] {
  const [rows = 0, columns = 0] = shape
  return Array.from({ length: rows }, (_, row) => {
    const scores = data.subarray(row * columns, (row + 1) * columns)
    return scores.indexOf(Math.max(...scores))
  })
}

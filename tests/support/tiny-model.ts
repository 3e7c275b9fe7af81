import { type ImageRNN, loadMnist, type ModelOptions } from '../../lib'
import type { Mnist } from '../../lib/data/mnist'
import { useModels } from './sample-models'

/** Flags that make a command compute the same numbers as the models here. */
export const SAME_PLACE = ['--threads', '1', '--device', 'cpu']

export interface TinyModel {
  readonly model: ImageRNN
  readonly data: Mnist
}

/** Trains a small model on a folder's data until it gets some images right, and saves it; it is disposed of after the test. */
export function useTinyModels(): (dataFolder: string, file: string, changes?: ModelOptions) => Promise<TinyModel> {
  const createModel = useModels()
  return async (dataFolder, file, changes = {}) => {
    const data = await loadMnist({ dir: dataFolder })
    const model = createModel({ inputSize: 28, hiddenSize: 16, numLayers: 2, numClasses: 10, ...changes })
    await model.train(data.train, { epochs: 5, batchSize: 16, learningRate: 0.005 })
    await model.save(file)
    return { model, data }
  }
}

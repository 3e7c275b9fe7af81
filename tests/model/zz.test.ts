import { writeFileSync } from 'node:fs'
import { loadMnist } from '../../lib'
import { formulaWeights } from '../support/reference-numbers'
import { useModels } from '../support/sample-models'
const createModel = useModels()
test('x', async () => {
  const { train } = await loadMnist()
  const data = train.slice(0, 1280)
  const all: Record<string, number[]> = {}
  for (const nonlinearity of ['tanh', 'relu'] as const)
    for (const engine of ['torch', 'fused'] as const)
      for (const threads of [1, 2]) {
        const model = createModel({ inputSize: 28, hiddenSize: 150, numLayers: 3, numClasses: 10, nonlinearity, engine, threads })
        await model.loadStateDict(formulaWeights())
        const losses: number[] = []
        await model.train(data, { epochs: 1, batchSize: 128, shuffle: false, logInterval: 1, onBatch: (e) => void losses.push(e.batchLoss) })
        all[`${nonlinearity} ${engine} ${threads}`] = losses
      }
  writeFileSync('/tmp/losses.json', JSON.stringify(all))
})

// The tutorial in 30 lines: a recurrent network that reads handwritten digits row by row, from the data to the accuracy.
//
//   npm install torch-rnn-mnist
//   node tutorial.mjs [epochs]
import { ImageRNN, loadMnist } from 'torch-rnn-mnist'

const epochs = Number(process.argv[2] ?? 10)
const { train, test } = await loadMnist() // 60,000 and 10,000 images of 28 x 28 pixels, with their digits

const model = new ImageRNN({ hiddenSize: 150, numLayers: 3, seed: 1 })
console.log(model.summary())

// Before the training: a score for each of the ten digits, for each of 128 images.
const { shape } = await model.forward(train.images(0, 128))
console.log('Logits of a batch:', shape)

await model.train(train, {
  epochs,
  batchSize: 128,
  learningRate: 1e-3,
  onEpoch: ({ epoch, trainLoss, trainAccuracy }) => {
    console.log(`Epoch ${epoch}: loss ${trainLoss.toFixed(4)}, accuracy ${(100 * trainAccuracy).toFixed(2)} %`)
  },
})

const { accuracy, loss } = await model.evaluate(test)
console.log(`Test: loss ${loss.toFixed(4)}, accuracy ${(100 * accuracy).toFixed(2)} %`)
await model.save('model.safetensors')
model.dispose()

// Own data: a network that learns from pictures in folders, one folder for each class.
//
//   npm install torch-rnn-mnist
//   node own-data.mjs FOLDER [epochs]      FOLDER/0/*.png, FOLDER/1/*.png, ...; also jpg, webp, tiff, ...
//
// Each picture is prepared as `rnn-mnist-train predict` prepares it: the digit is found, cut out, and brought to 28 x 28 pixels.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { ImageDataset, ImageRNN, readDigits } from 'torch-rnn-mnist'

const [, , folder, epochs = '20'] = process.argv
if (folder === undefined) throw new Error('Which folder? node own-data.mjs FOLDER [epochs]')

const names = readdirSync(folder, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []))
names.sort()

const images = []
const labels = []
for (const [label, name] of names.entries()) {
  for (const file of readdirSync(join(folder, name)).sort()) {
    const { data, boxes } = await readDigits(join(folder, name, file))
    // A picture is one sample. Where none or several are found, something is wrong with it.
    if (boxes.length !== 1) console.warn(`${join(name, file)}: ${boxes.length} digits found, left out`)
    else {
      images.push(data)
      labels.push(label)
    }
  }
}

const all = new ImageDataset({
  images: Buffer.concat(images),
  shape: [images.length, 28, 28],
  labels,
  numClasses: names.length,
})
const count = Math.ceil(0.2 * all.length)
const [train, validation] = all.randomSplit([all.length - count, count], { seed: 1 })
console.log(`${train.length} pictures to train with, ${validation.length} to check with, ${names.length} classes: ${names.join(', ')}`)

const model = new ImageRNN({ hiddenSize: 64, numLayers: 2, numClasses: names.length, seed: 1 })
await model.train(train, { epochs: Number(epochs), batchSize: 16 })
const { accuracy } = await model.evaluate(validation)
console.log(`Accuracy on pictures that it has not seen: ${(100 * accuracy).toFixed(1)} %`)
await model.save('own-data.safetensors')
model.dispose()

// What happens inside: forward hooks see what each module takes and puts out.
//
//   npm install torch-rnn-mnist
//   node hooks.mjs
import { ImageRNN, loadMnist, SaveFeatures } from 'torch-rnn-mnist'

const { test } = await loadMnist()
const model = await ImageRNN.loadBundled() // trained already

// A hook is a function that is called at each pass.
const handle = model.registerForwardHook('FC', ({ module, inputs, outputs }) => {
  console.log(`${module}: ${inputs.map(({ shape }) => `[${shape}]`)} -> ${outputs.map(({ shape }) => `[${shape}]`)}`)
})
await model.forward(test.images(0, 4))
handle.remove()

// The tutorial's class keeps what a module put out: the top layer's state after each row [T, N, H], and every layer's last state [L, N, H].
const saved = new SaveFeatures(model, 'basic_rnn')
await model.forward(test.images(0, 1))
saved.close()
const [states, last] = saved.features
console.log(`basic_rnn: states [${states.shape}], last states [${last.shape}]`)

// How many of the top layer's neurons are active after each row? The first rows of a digit are blank.
const [rows, , neurons] = states.shape
for (let row = 0; row < rows; row += 1) {
  const active = states.data.subarray(row * neurons, (row + 1) * neurons).filter((value) => value > 0).length
  console.log(`row ${String(row).padStart(2)}: ${'#'.repeat(active / 3)} ${active}`)
}
model.dispose()

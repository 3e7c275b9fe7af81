/** Computes the network with ONNX Runtime, in WebAssembly. */

import { SIZE } from './mnist-image.js'
import * as ort from './onnxruntime-web/ort.mjs'

ort.env.wasm.wasmPaths = { wasm: new URL('onnxruntime-web/ort.wasm', import.meta.url).href }
ort.env.wasm.numThreads = 1 // More are no faster for so small a network, and would need a page that is isolated from other origins.

/**
 * Loads a model that `rnn-mnist-train export --onnx` wrote.
 *
 * @param {string} url
 */
export async function loadRecognizer(url) {
  const response = await fetch(url)
  if (!response.ok) throw new Error(await response.text())
  const session = await ort.InferenceSession.create(new Uint8Array(await response.arrayBuffer()))
  const [features, numClasses] = [session.inputMetadata[0], session.outputMetadata[0]].map(({ shape }) => shape.at(-1))
  if (features !== SIZE) throw new Error(`This page draws rows of ${SIZE} pixels, but the model reads rows of ${features}.`)
  return {
    numClasses,

    /**
     * @param {Uint8Array} image - 28 x 28 pixels, 0 to 255.
     * @returns {Promise<Float32Array>} Logits: a score for each class.
     */
    async recognize(image) {
      const pixels = Float32Array.from(image, (byte) => byte / 255)
      const { logits } = await session.run({ images: new ort.Tensor('float32', pixels, [1, SIZE, SIZE]) })
      return logits.data
    },
  }
}

/** @param {Float32Array} logits @returns {number[]} Probabilities, which add up to 1. */
export function softmax(logits) {
  const largest = Math.max(...logits)
  const powers = Array.from(logits, (logit) => Math.exp(logit - largest)) // Never too large for a number.
  const sum = powers.reduce((total, power) => total + power, 0)
  return powers.map((power) => power / sum)
}

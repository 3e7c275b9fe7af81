/** How much work a training step is. */

/** The tutorial's network, on MNIST. */
export const TUTORIAL = { rows: 28, columns: 28, hiddenSize: 150, numLayers: 3, numClasses: 10 }

/**
 * The useful operations of a training step: the multiplications and additions of the matrix products that the gradients need. Everything else
 * (tanh, biases, loss, Adam) is left out: it grows with a lower power of the sizes.
 *
 * Of each image, with T rows of F columns, H hidden units, L layers, C classes, and I the inputs of a layer (F in the first one, H above):
 *
 *     forward   2 (T sum(H I) + (T - 1) L H H + H C)          W_ih x[t], W_hh h[t - 1], the last layer
 *     weights   the same again                                each of these products has a gradient of its matrix, and ...
 *     inputs    2 (T (L - 1) H H + (T - 1) L H H + H C)       ... one of its vector, except that the image needs none
 *
 * T - 1: the state before the first row is zero, so its product is no use. A program that computes it nevertheless does more work than this.
 *
 * @param {{ rows: number, columns: number, hiddenSize: number, numLayers: number, numClasses: number }} network
 * @param {number} batchSize
 */
export function operationsOfStep({ rows, columns, hiddenSize, numLayers, numClasses }, batchSize) {
  const square = hiddenSize * hiddenSize
  const recurrent = (rows - 1) * numLayers * square
  const classifier = hiddenSize * numClasses
  const between = rows * (numLayers - 1) * square
  const forward = 2 * (rows * hiddenSize * columns + between + recurrent + classifier)
  const inputs = 2 * (between + recurrent + classifier)
  return batchSize * (2 * forward + inputs)
}

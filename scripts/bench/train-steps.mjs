/** Trains for a number of steps. The package's API counts epochs only. */

/**
 * Trains for `steps` batches, over as many epochs as needed, and measures from the call of `train` until the last batch is done.
 *
 * @param {import('../../dist/index.mjs').ImageRNN} model
 * @param {import('../../dist/index.mjs').ImageDataset} dataset
 * @returns {Promise<{ seconds: number, images: number, loss: number }>} `images` were trained on; `loss` is the mean over the
 *   batches that ran in the last epoch.
 */
export async function trainSteps(model, dataset, steps, batchSize) {
  const batches = Math.ceil(dataset.length / batchSize)
  const epochs = Math.ceil(steps / batches)
  const lastBatch = steps - (epochs - 1) * batches
  const stop = new AbortController()
  const started = performance.now()
  let result
  const onBatch = ({ epoch, batch, samples, trainLoss }) => {
    if (epoch !== epochs || batch !== lastBatch) return
    const seconds = (performance.now() - started) / 1000
    result = { seconds, images: (epochs - 1) * dataset.length + samples, loss: trainLoss }
    stop.abort()
  }
  try {
    await model.train(dataset, { epochs, batchSize, logInterval: lastBatch, onBatch, signal: stop.signal })
  } catch (error) {
    if (!stop.signal.aborted || error !== stop.signal.reason) throw error
  }
  return result
}

/** Milliseconds per full batch. The last batch of an epoch may be smaller, so images are counted, not batches. */
export function msPerStep({ seconds, images }, batchSize) {
  return (seconds * 1000 * batchSize) / images
}

/** Images of another height, for sequences of another length. */
import { ImageDataset } from '../../dist/index.mjs'

/**
 * The same images with this many rows: the first ones, and where there are too few, all of them again from the top.
 *
 * @param {ImageDataset} dataset - Of bytes.
 * @param {number} rows
 */
export function withRows(dataset, rows) {
  const [samples, height, columns] = dataset.shape
  if (rows === height) return dataset
  const { data } = dataset.images()
  const images = new Uint8Array(samples * rows * columns)
  for (let sample = 0; sample < samples; sample += 1) {
    const image = data.subarray(sample * height * columns, (sample + 1) * height * columns)
    for (let row = 0; row < rows; row += 1) {
      const from = (row % height) * columns
      images.set(image.subarray(from, from + columns), (sample * rows + row) * columns)
    }
  }
  return new ImageDataset({ images, shape: [samples, rows, columns], labels: dataset.labels, numClasses: dataset.numClasses })
}

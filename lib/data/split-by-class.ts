/** Sets a test part aside where a data set has none. */
import { TorchRnnError } from '../errors'
import { type ImageDataset, samplesOf } from './dataset'
import { randomOrder } from './philox'

/**
 * Divides a data set so that each class has the same share in both parts, as nearly as whole samples allow.
 *
 * @param part - Of the second one: a number of samples, or a share of them.
 * @param seed - Which samples go where follows from it.
 * @returns Both parts share the memory of the data set; each has the samples in their old order.
 * @throws TorchRnnError `ERR_INVALID_DATA` when one of them would be empty.
 */
export function splitByClass(dataset: ImageDataset, part: number, seed: number): [rest: ImageDataset, aside: ImageDataset] {
  const { labels, length } = dataset
  const wanted = part < 1 ? Math.round(part * length) : part
  if (wanted < 1 || wanted >= length) {
    const [expected, actual] = [`a part of ${length} samples that leaves some on both sides`, String(part)]
    const message = `Expected ${expected} for testSplit (--test-split) but received ${actual}, which is ${wanted} samples.`
    throw new TorchRnnError('ERR_INVALID_DATA', message, { expected, actual })
  }
  const quotas = quotasOf(labels, dataset.numClasses, wanted)
  const isAside = new Uint8Array(length)
  for (const index of randomOrder(seed, 'split', 0, length)) {
    const label = labels[index] as number
    if ((quotas[label] as number) === 0) continue
    ;(quotas[label] as number) -= 1
    isAside[index] = 1
  }
  const positions = (side: number) => Uint32Array.from(Array.from(isAside.keys()).filter((index) => isAside[index] === side))
  return [samplesOf(dataset, positions(0)), samplesOf(dataset, positions(1))]
}

/** How many samples of each class are set aside. What rounding down leaves goes to the classes with the largest remainders. */
function quotasOf(labels: Uint8Array, numClasses: number, wanted: number): number[] {
  const counts = new Array<number>(numClasses).fill(0)
  for (const label of labels) (counts[label] as number) += 1
  const exact = counts.map((count) => (count * wanted) / labels.length)
  const quotas = exact.map(Math.floor)
  const left = wanted - quotas.reduce((sum, quota) => sum + quota, 0)
  const byRemainder = exact
    .map((share, label) => ({ label, rest: share % 1 }))
    .sort((one, other) => other.rest - one.rest || one.label - other.label)
  for (const { label } of byRemainder.slice(0, left)) (quotas[label] as number) += 1
  return quotas
}

/** What is known of the data sets that people download: their names, how their images lie, and what their classes are called. */
import { createHash } from 'node:crypto'

/** A known data set. */
export interface Family {
  /** As people call it: "EMNIST letters". */
  readonly name: string
  readonly isTransposed?: boolean
  /** By label, as its files have the labels. */
  readonly names?: readonly string[]
  /** The label of the first of the names. Default 0. */
  readonly firstLabel?: number
}

const DIGITS = Array.from('0123456789')
const UPPER = Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZ')
const LOWER = Array.from('abcdefghijklmnopqrstuvwxyz')
/** EMNIST's merged classes leave out the small letters that look like capitals. */
const MERGED = [...DIGITS, ...UPPER, ...Array.from('abdefghnqrt')]

/** The six splits of EMNIST. */
const EMNIST: Readonly<Record<string, readonly string[]>> = {
  balanced: MERGED,
  byclass: [...DIGITS, ...UPPER, ...LOWER],
  bymerge: MERGED,
  digits: DIGITS,
  letters: UPPER.map((letter, index) => `${letter}/${LOWER[index]}`),
  mnist: DIGITS,
}

const FASHION: Family = {
  name: 'Fashion-MNIST',
  names: ['T-shirt/top', 'Trouser', 'Pullover', 'Dress', 'Coat', 'Sandal', 'Shirt', 'Sneaker', 'Bag', 'Ankle boot'],
}
/** Classical Japanese characters, by the modern ones. */
const KUZUSHIJI: Family = { name: 'KMNIST', names: Array.from('おきすつなはまやれを') }

/** SHA-256 of all training labels, one byte each, in the order of the published files. */
const LABEL_HASHES: Readonly<Record<string, Family>> = {
  '657fbd221bfc9f4198cc14b5619cc33ec57c58dd0e47af4d99d6650759e869a7': FASHION,
}

/** Names of files and folders that say which data set it is. */
const NAMES: readonly (readonly [RegExp, Family])[] = [
  [/(^|[^a-z])fashion[-_ ]?mnist([^a-z]|$)/i, FASHION],
  [/(^|[^a-z0-9])k(uzushiji[-_ ]?)?mnist([^a-z0-9]|$)/i, KUZUSHIJI],
  [/(^|[^a-z])qmnist([^a-z]|$)/i, { name: 'QMNIST' }],
]

/**
 * The data set that files belong to; undefined for one that is not known.
 *
 * @param path - Of the folder and the files, as far as the user named it or as it was found.
 * @param labels - Of the training part.
 */
export function recognizeFamily(path: string, labels: Uint8Array): Family | undefined {
  const [, split = ''] = /(?:^|[^a-z])emnist[-_](balanced|byclass|bymerge|digits|letters|mnist)(?:[^a-z]|$)/i.exec(path) ?? []
  if (split !== '') return emnist(split.toLowerCase())
  const byContent = LABEL_HASHES[createHash('sha256').update(labels).digest('hex')]
  if (byContent !== undefined) return byContent
  // Names prove nothing: the labels must at least be of as many classes.
  const [, byName] = NAMES.find(([pattern]) => pattern.test(path)) ?? []
  const classes = new Set(labels)
  return byName === undefined || classes.size !== 10 || Math.max(...classes) !== 9 ? undefined : byName
}

function emnist(split: string): Family {
  const names = EMNIST[split] as readonly string[]
  return { name: `EMNIST ${split}`, isTransposed: true, names, firstLabel: split === 'letters' ? 1 : 0 }
}

/** Decides what the user left open about a data set: how its images lie, where its labels begin, what its classes are called. */
import { invalidFile, showPath } from '../../files/regular-file'
import { quoteValue } from '../../text/unprintable'
import { transposeImages } from '../numeric-array'
import { readLabelNames } from './label-names'
import type { RawData, RawPart, ReadingChoices } from './raw-data'

/** A data set for which all is decided. */
export interface DecidedData {
  readonly train: RawPart
  readonly test: RawPart | undefined
  readonly isTransposed: boolean
  readonly firstLabel: number
  readonly numClasses: number
  readonly classNames: readonly string[] | undefined
}

/** The number of labels that a byte can tell apart. */
const LABELS = 256

/** @throws TorchRnnError `ERR_INVALID_FILE`, `ERR_FILE_SYSTEM`. */
export async function decide(data: RawData, choices: ReadingChoices): Promise<DecidedData> {
  const { parts, texts } = withNumbers([data.train, ...(data.test === undefined ? [] : [data.test])])
  checkSizes(parts)
  const present = labelsIn(parts)
  const firstLabel = choices.firstLabel ?? firstLabelOf(present, data)
  for (const { labels, labelsFile } of parts) subtract(labels, firstLabel, labelsFile)
  const given = choices.labelNames === undefined ? undefined : await readLabelNames(choices.labelNames, firstLabel)
  const count = present.lastIndexOf(true) + 1 - firstLabel
  const known = texts ?? data.names
  const classNames = given === undefined ? known && listNames(known, firstLabel, count) : checkNames(given, firstLabel, count, choices)
  const numClasses = classNames?.length ?? count
  if (numClasses < 2) throw invalidFile(data.train.labelsFile, 'labels of at least 2 classes', 'only the label 0')
  const isTransposed = choices.orientation === 'transposed' || (choices.orientation !== 'upright' && data.isTransposed === true)
  const [train, test] = isTransposed ? await transposed(parts) : parts
  return { train: train as RawPart, test, isTransposed, firstLabel, numClasses, classNames }
}

async function transposed(parts: readonly RawPart[]): Promise<RawPart[]> {
  const turned: RawPart[] = []
  for (const part of parts) turned.push({ ...part, ...(await transposeImages(part)) })
  return turned
}

/**
 * Labels that a table has as texts become numbers: those that they are, or else their places in the order of the texts, which are the names of
 * the classes then.
 */
function withNumbers(parts: readonly RawPart[]): { parts: RawPart[]; texts?: ReadonlyMap<number, string> } {
  const all = new Set(parts.flatMap(({ labelTexts }) => labelTexts ?? []))
  if (all.size === 0) return { parts: [...parts] }
  const numbers = new Map(Array.from(all, (text) => [text, toLabel(text)]))
  const areNumbers = Array.from(numbers.values()).every((number) => number !== undefined)
  const sorted = Array.from(all).sort((one, other) => (one < other ? -1 : 1))
  if (!areNumbers && sorted.length > LABELS) {
    throw invalidFile((parts[0] as RawPart).labelsFile, `at most ${LABELS} different labels`, `${sorted.length}`)
  }
  const labelOf = (text: string) => (areNumbers ? (numbers.get(text) as number) : sorted.indexOf(text))
  const numbered = parts.map(({ labelTexts, labels, ...part }) => {
    if (labelTexts === undefined) {
      if (areNumbers) return { ...part, labels }
      throw invalidFile(part.labelsFile, 'labels that are texts, as in the other part,', 'numbers')
    }
    const table = labelTexts.map(labelOf)
    for (const [index, place] of labels.entries()) labels[index] = table[place] as number
    return { ...part, labels }
  })
  return areNumbers ? { parts: numbered } : { parts: numbered, texts: new Map(sorted.map((text, label) => [label, text])) }
}

function toLabel(text: string): number | undefined {
  return /^\d{1,3}(\.0*)?$/.test(text) && Number(text) < LABELS ? Number(text) : undefined
}

function checkSizes([train, test]: readonly RawPart[]): void {
  if (train === undefined || test === undefined) return
  const [expected, actual] = [train, test].map(({ shape: [, rows, columns] }) => `${rows} x ${columns}`)
  if (expected === actual) return
  throw invalidFile(test.imagesFile, `images of ${expected} as in ${showPath(train.imagesFile)}`, `images of ${actual}`)
}

/** For each label, whether a sample has it. */
function labelsIn(parts: readonly RawPart[]): boolean[] {
  const present = new Array<boolean>(LABELS).fill(false)
  for (const { labels } of parts) for (const label of labels) present[label] = true
  return present
}

/** Labels that begin with 1 and leave none out cannot mean that nobody has a sample of the class 0. */
function firstLabelOf(present: readonly boolean[], { firstLabel = 0, format }: RawData): number {
  if (format === 'pictures') return 0 // Their labels are numbers of ours.
  const first = present.indexOf(true)
  const last = present.lastIndexOf(true)
  const isWhole = present.slice(1, last + 1).every((isPresent) => isPresent)
  return first >= 1 && ((first === 1 && last >= 2 && isWhole) || firstLabel === 1) ? 1 : 0
}

function subtract(labels: Uint8Array, firstLabel: number, file: string): void {
  if (firstLabel === 0) return
  for (const [index, label] of labels.entries()) {
    if (label < firstLabel) throw invalidFile(file, `labels from ${firstLabel}`, `${label} for sample ${index}`)
    labels[index] = label - firstLabel
  }
}

/** Names that the data have, where they are enough. */
function listNames(names: ReadonlyMap<number, string>, firstLabel: number, count: number): readonly string[] | undefined {
  const size = Math.max(count, Math.max(...names.keys()) + 1 - firstLabel)
  const list = Array.from({ length: size }, (_, label) => names.get(firstLabel + label))
  return list.every((name) => name !== undefined) ? (list as string[]) : undefined
}

/** Names that the user gave, and that must be right. */
function checkNames(
  names: ReadonlyMap<number, string>,
  firstLabel: number,
  count: number,
  { labelNames }: ReadingChoices,
): readonly string[] {
  const list = listNames(names, firstLabel, count)
  if (list !== undefined) return list
  throw invalidFile(
    quoteValue(labelNames),
    `a name for each of the labels from ${firstLabel} to ${firstLabel + count - 1}`,
    `${names.size}`,
  )
}

/** Reads the images that the flags name: the one way in for all commands. */
import { countClasses } from '../data/image-storage'
import { type LoadedImages, loadImages } from '../data/load-images'
import { PLAIN_IDX } from '../data/sources/find-data'
import { invalidFile } from '../files/regular-file'
import { pickOptions } from '../options/checks'
import { changedOptions } from '../options/flag-words'
import { OPTIONS } from '../options/options'
import type { Resolved } from '../options/specs'
import type { RunConfig } from '../runs/run-record'
import { checkFlagsBy } from './exit'
import type { ProgressState } from './progress'
import type { Reporter } from './reporter'

/** The flags that say which images, and how they are read. */
export type DataFlags = Resolved<typeof OPTIONS.data> & Resolved<typeof OPTIONS.reading>

/** What the data are, where there is something to tell; not for the bundled MNIST. */
export interface DataEvent {
  type: 'data'
  /** In one line: "EMNIST letters: transposed, labels from 1". */
  description: string
  trainSamples: number
  testSamples: number
  /** By label; absent where the classes have no names. */
  classNames?: readonly string[]
  /** How they were read: options that read them in the same way again. */
  reading: Readonly<Record<string, unknown>>
}

/** How many pictures of a folder were read. */
export interface ReadingEvent {
  type: 'reading'
  done: number
  total: number
}

/** So many events tell how far the reading is. */
const PROGRESS_EVENTS = 100

/** The options that say which images, and how they are read. */
export const DATA_OPTIONS = { ...OPTIONS.data, ...OPTIONS.reading }

/**
 * @throws TorchRnnError `ERR_INVALID_FILE`, `ERR_FILE_SYSTEM`, `ERR_OUT_OF_MEMORY`; CommandFailure `ERR_USAGE` for flags that contradict each
 *   other; and the reason of `stop`.
 */
export async function loadData(flags: DataFlags, reporter: Reporter, stop: AbortSignal): Promise<LoadedImages> {
  const onProgress = ({ done, total }: { done: number; total: number }) => {
    const step = Math.ceil(total / PROGRESS_EVENTS)
    if (done % step === 0 || done === total) reporter.progress({ type: 'reading', done, total } satisfies ReadingEvent, progressOfReading)
  }
  const loaded = await loadImages({ ...pickOptions(DATA_OPTIONS, flags), onProgress, signal: stop }).catch((error: unknown) => {
    checkFlagsBy(() => {
      throw error
    })
    throw error
  })
  stop.throwIfAborted()
  const { train, test, description, reading } = loaded
  const isNamed = flags.data !== undefined || flags.trainImages !== undefined
  if (isNamed && description !== PLAIN_IDX) {
    const names = train.classNames === undefined ? {} : { classNames: train.classNames }
    const event: DataEvent = { type: 'data', description, trainSamples: train.length, testSamples: test.length, ...names, reading }
    reporter.step(event, () => `${description}\n`)
  }
  return loaded
}

/**
 * Loads images to train with. Refuses a test set with labels above all those of the training set, which nothing can learn: its files do not
 * belong together, or one is damaged.
 */
export async function loadTrainingData(flags: DataFlags, reporter: Reporter, stop: AbortSignal): Promise<LoadedImages> {
  const loaded = await loadData(flags, reporter, stop)
  const { train, test, testLabelsFile } = loaded
  const classes = countClasses(train.labelsOf())
  const labels = test.labelsOf()
  const index = labels.findIndex((label) => label >= classes)
  if (index === -1) return loaded
  throw invalidFile(testLabelsFile, `labels from 0 to ${classes - 1}, as in the training set,`, `${labels[index]} for image ${index}`)
}

/**
 * Flags that read the data of a run as it did: where the images were, unless the user says where they are now, and how they were read, as far as
 * the user says nothing else.
 */
export function withDataOf<Flags extends DataFlags>(
  flags: Flags,
  { data, dataFiles, options }: Pick<RunConfig, 'data' | 'dataFiles' | 'options'>,
): Flags {
  const isMoved = Object.keys(OPTIONS.data).some((name) => flags[name as keyof typeof OPTIONS.data] !== undefined)
  const source = isMoved ? {} : (dataFiles ?? (data === undefined ? {} : { data }))
  const reading = pickOptions(OPTIONS.reading, options as Resolved<typeof OPTIONS.reading>) // Checked when it was read.
  return { ...flags, ...reading, ...Object.fromEntries(changedOptions(OPTIONS.reading, flags)), ...source }
}

function progressOfReading({ done, total }: ReadingEvent): ProgressState {
  return { done, total, text: `${done}/${total} pictures` }
}

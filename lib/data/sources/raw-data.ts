/** A data set as its files have it, before anything is decided about it. */
import type { ReadingOptions } from '../../options/options'

/** What the user decided about how to read, with an image size in numbers. */
export interface ReadingChoices extends Omit<ReadingOptions, 'imageSize'> {
  readonly imageSize: readonly [rows: number, columns: number] | undefined
}

/** The samples of one part. */
export interface RawPart {
  readonly images: Uint8Array | Float32Array
  readonly shape: readonly [number, number, number]
  /** As the files have them; or, with `labelTexts`, the places of their texts there. */
  readonly labels: Uint8Array
  /** The labels as texts, where a file has texts. */
  readonly labelTexts?: readonly string[]
  /** Steps of each sample that are real, `[N]`; the others are padding. Absent: all. */
  readonly lengths?: Int32Array
  readonly imagesFile: string
  readonly labelsFile: string
}

/** A data set as read. */
export interface RawData {
  readonly format: 'idx' | 'npz' | 'csv' | 'pictures'
  readonly train: RawPart
  /** Absent where the data have no test part. */
  readonly test?: RawPart
  /** What the data set is: "EMNIST letters". */
  readonly name: string
  /** Whether rows and columns are swapped, as far as the data set is known. */
  readonly isTransposed?: boolean
  /** The label of the first class, as far as the data set is known. */
  readonly firstLabel?: number
  /** The names of the classes, as far as they are known: by label, as the files have them. */
  readonly names?: ReadonlyMap<number, string>
  /** What else is to be told, in words. */
  readonly notes?: readonly string[]
}

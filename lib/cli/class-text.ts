import { nameOfClass } from '../data/class-names'
import type { ImageRNN } from '../model/image-rnn'

/** A class as a user reads it: its name, or its number where it has none. */
export function classText({ options }: ImageRNN, classIndex: number): string {
  return nameOfClass(classIndex, options.classNames)
}

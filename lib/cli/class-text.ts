import type { ImageRNN } from '../model/image-rnn'

/** A class as a user reads it. */
export function classText(_model: ImageRNN, classIndex: number): string {
  return String(classIndex)
}

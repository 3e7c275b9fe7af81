/** What happens inside a network while it reads images. */

import { checkSignal } from '../abort'
import type { NativeInput, NativeInspection } from '../addon/binding'
import { checkLabels, copyLabels } from '../data/image-storage'
import { resolveOptions } from '../options/checks'
import type { Tensor } from '../tensor'

/** How to look inside. */
export interface InspectOptions {
  /** The class of each image, N integers from 0 to C - 1: with them, {@link Inspection.gradientNorms} is computed. */
  labels?: ArrayLike<number> | undefined
  /** Stops the call: the running batch is finished, and the call rejects with the signal's reason (an `AbortError` by default). */
  signal?: AbortSignal | undefined
}

/** What a network holds and thinks after every row. Letters: L layers, T rows, N images, H neurons of a layer, C classes. */
export interface Inspection {
  /** `[L, T, N, H]`: the state of every layer after every row; -1 to 1 with tanh, from 0 with ReLU. */
  hiddenStates: Tensor
  /**
   * `[T, N, C]`: what the network would answer if the image ended after this row, 0 to 1; each row adds up to 1. It is the softmax of the linear
   * layer applied to the top layer's state. The last one is the answer.
   */
  probabilities: Tensor
  /**
   * `[L, T, N]`, only with labels: how much each state matters for the loss of its image. It is the 2-norm of the derivative of the image's cross
   * entropy by the state, which counts all ways from there to the end: through the later states of that layer and the layers above it.
   */
  gradientNorms?: Tensor
}

/** @throws TorchRnnError `ERR_INVALID_OPTION` */
export function checkInspection(options: InspectOptions): InspectOptions {
  resolveOptions({}, options, 'inspect', ['labels', 'signal'])
  const { labels, signal } = options ?? {}
  checkSignal(signal)
  return { labels, signal }
}

/**
 * The labels of a batch for the addon, copied; null for none.
 *
 * @throws TorchRnnError `ERR_INVALID_ARGUMENT`, `ERR_INVALID_SHAPE`, `ERR_INVALID_DATA`.
 */
export function toNativeLabels(labels: ArrayLike<number> | undefined, count: number, numClasses: number): NativeInput | null {
  if (labels === undefined) return null
  const data = copyLabels(labels, count)
  checkLabels(data, numClasses)
  return { data, shape: [count] }
}

/** The result in objects of this realm. */
export function toInspection({ hiddenStates, probabilities, gradientNorms }: NativeInspection): Inspection {
  return { hiddenStates, probabilities, ...(gradientNorms !== undefined && { gradientNorms }) }
}

/** The networks that read drawings: the one that the page was started with, and the latest one that was trained in it. */
import { TorchRnnError } from '../errors'
import { MNIST_SIDE } from '../images/mnist-image'
import type { ImageRNN } from '../model/image-rnn'
import type { Inspection } from '../model/inspection'
import type { ChangeSignal } from './change-signal'
import type { ModelChoice, ModelView, ReadingMessage, StatesMessage } from './messages'
import { type Drawing, prepareDrawing } from './prepare-drawing'
import { RequestRefusal } from './request-refusal'

/** Drawings that may wait at once: each takes a few milliseconds, so more than these are no people. */
const MAX_WAITING = 32

/** Neurons of a layer that are sent at most: more than a heat map has columns. */
const MAX_NEURONS = 512

/** A network, and what to call it. */
export interface NamedModel {
  readonly model: ImageRNN
  /** A file, or words. */
  readonly name: string
}

/** A network in use. It is freed when nothing uses it any more. */
interface Holder extends NamedModel {
  readonly revision: number
  users: number
  isRetired: boolean
}

export class DigitReader {
  readonly #changes: ChangeSignal
  readonly #holders: { first: Holder; trained?: Holder }
  #choice: ModelChoice = 'first'
  #revision = 1
  #waiting = 0

  constructor(changes: ChangeSignal, first: NamedModel) {
    this.#changes = changes
    this.#holders = { first: { ...first, revision: this.#revision, users: 0, isRetired: false } }
  }

  get view(): ModelView {
    const { model, name, revision } = this.#current
    const { numLayers, hiddenSize, nonlinearity, classNames } = model.options
    const parameters = model.parameterCount
    const hasTrained = this.#holders.trained !== undefined
    const network = { numLayers, hiddenSize, nonlinearity, parameters, ...(classNames === undefined ? {} : { classNames }) }
    return { choice: this.#choice, revision, name, ...network, hasTrained }
  }

  /** Takes a network that was trained in the page. It reads from now on. */
  take(trained: NamedModel): void {
    const before = this.#holders.trained
    this.#revision += 1
    this.#holders.trained = { ...trained, revision: this.#revision, users: 0, isRetired: false }
    this.#choice = 'trained'
    if (before !== undefined) retire(before)
    this.#changes.change()
  }

  /** @throws TorchRnnError `ERR_INVALID_OPTION` where there is no such network. */
  choose(choice: ModelChoice): void {
    if (this.#holders[choice] === undefined) {
      throw new TorchRnnError('ERR_INVALID_OPTION', 'Expected a network that was trained in this page, but there is none yet.')
    }
    this.#choice = choice
    this.#changes.change()
  }

  /**
   * Prepares a drawing and reads it.
   *
   * @throws TorchRnnError `ERR_INVALID_DATA` where nothing is drawn. RequestRefusal `ERR_TOO_MANY`.
   */
  async read(drawing: Drawing): Promise<ReadingMessage> {
    if (this.#waiting >= MAX_WAITING) throw new RequestRefusal('ERR_TOO_MANY', 'Too many drawings at once. Try again in a moment.')
    const started = performance.now()
    this.#waiting += 1
    try {
      const image = prepareDrawing(drawing)
      if (image === undefined) throw new TorchRnnError('ERR_INVALID_DATA', 'Expected a drawing with some ink but received an empty one.')
      return { ...(await this.#inspect(image)), milliseconds: performance.now() - started }
    } finally {
      this.#waiting -= 1
    }
  }

  async #inspect(image: Uint8Array): Promise<Omit<ReadingMessage, 'milliseconds'>> {
    const holder = this.#current
    holder.users += 1
    try {
      const inspection = await holder.model.inspect({ data: image, shape: [1, MNIST_SIDE, MNIST_SIDE] })
      return { revision: holder.revision, ...toMessage(inspection, image) }
    } finally {
      holder.users -= 1
      if (holder.isRetired) retire(holder)
    }
  }

  async close(): Promise<void> {
    const { first, trained } = this.#holders
    await Promise.all([first, trained].map((holder) => holder?.model[Symbol.asyncDispose]()))
  }

  get #current(): Holder {
    return this.#holders[this.#choice] ?? this.#holders.first
  }
}

function retire(holder: Holder): void {
  holder.isRetired = true
  if (holder.users === 0) holder.model.dispose()
}

function toMessage({ probabilities, hiddenStates }: Inspection, image: Uint8Array): Omit<ReadingMessage, 'revision' | 'milliseconds'> {
  const [rows = 0, , classes = 0] = probabilities.shape
  const last = probabilities.data.subarray((rows - 1) * classes)
  const best = last.reduce((found, value, index) => (value > (last[found] as number) ? index : found), 0)
  const numbers = { class: best, probability: last[best] as number, rows, classes }
  return { ...numbers, image: toBase64(image), probabilities: toBase64(probabilities.data), states: toStates(hiddenStates) }
}

/** Colours show no more than a byte does. */
function toStates({ data, shape }: Inspection['hiddenStates']): StatesMessage {
  const [layers = 0, rows = 0, , hidden = 0] = shape
  const stride = Math.ceil(hidden / MAX_NEURONS)
  const neurons = Math.ceil(hidden / stride)
  const largest = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  const values = new Int8Array(layers * rows * neurons)
  for (let line = 0; line < layers * rows; line += 1) {
    for (let neuron = 0; neuron < neurons; neuron += 1) {
      values[line * neurons + neuron] = Math.round(((data[line * hidden + neuron * stride] as number) / (largest || 1)) * 127)
    }
  }
  return { layers, neurons, stride, scale: largest, values: toBase64(values) }
}

/** Numbers in the byte order of this machine, which is little endian wherever libtorch runs. */
export function toBase64({ buffer, byteOffset, byteLength }: Uint8Array | Int8Array | Float32Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('base64')
}

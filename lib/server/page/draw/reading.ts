/** What the network makes of the drawing. It is asked whenever the drawing has changed, one question at a time: the newest drawing counts. */
import { computed, signal } from '@preact/signals'
import type { ReadingMessage } from '../../messages'
import { model, post, problem } from '../connection'
import { bytesOf } from '../numbers'

/** Pixels of a side of the drawing as it is sent. */
export const SENT_SIDE = 280

/** {@link ReadingMessage} with its numbers. */
export interface Reading {
  readonly class: number
  readonly probability: number
  readonly image: Uint8Array
  readonly rows: number
  readonly classes: number
  /** `[T, C]` */
  readonly probabilities: Float32Array
  readonly layers: number
  readonly neurons: number
  readonly stride: number
  /** What a state of 127 stands for. */
  readonly scale: number
  /** Of each layer, `[T, neurons]`, -127 ... 127. */
  readonly states: readonly Int8Array[]
  /** Of each layer, what is shown in full colour. */
  readonly full: readonly number[]
  /** Between the change of the drawing and this answer, in milliseconds. */
  readonly delay: number
}

export const reading = signal<Reading | undefined>(undefined)
/** Whether the drawing has changed since the reading. */
export const isPending = signal(false)

/** The row that was chosen, from 0; undefined for the last one. */
const chosenRow = signal<number | undefined>(undefined)
/** The row under the mouse. */
export const pointedRow = signal<number | undefined>(undefined)

const lastRow = computed(() => (reading.value?.rows ?? 28) - 1)

/** The row that is looked at. */
export const row = computed(() => Math.min(lastRow.value, pointedRow.value ?? chosenRow.value ?? lastRow.value))

export function chooseRow(next: number): void {
  pointedRow.value = undefined
  chosenRow.value = next >= lastRow.value ? undefined : Math.max(0, next)
}

/** The probabilities after the row that is looked at. */
export const thoughts = computed(() => {
  const { value: now } = reading
  return now?.probabilities.subarray(row.value * now.classes, (row.value + 1) * now.classes)
})

let latest: (() => Uint8Array<ArrayBuffer>) | undefined
let changedAt = 0
let isAsking = false

/** @param ink - Gives the drawing when it is sent; undefined when nothing is drawn. */
export function read(ink: (() => Uint8Array<ArrayBuffer>) | undefined): void {
  if (latest === undefined) changedAt = performance.now()
  latest = ink
  if (ink === undefined) {
    reading.value = undefined
    isPending.value = false
    chooseRow(Number.POSITIVE_INFINITY)
    return
  }
  isPending.value = true
  if (!isAsking) void askAll()
}

async function askAll(): Promise<void> {
  isAsking = true
  while (latest !== undefined) {
    const [ink, since] = [latest, changedAt]
    latest = undefined
    await ask(ink(), since)
  }
  isAsking = false
}

async function ask(ink: Uint8Array<ArrayBuffer>, since: number): Promise<void> {
  try {
    const message = (await post(`/api/reading?width=${SENT_SIDE}&height=${SENT_SIDE}`, ink)) as ReadingMessage
    if (isPending.value) reading.value = toReading(message, performance.now() - since)
    problem.value = undefined
  } catch (error) {
    problem.value = error instanceof Error ? error.message : String(error)
  }
  if (latest === undefined) isPending.value = false
}

function toReading(message: ReadingMessage, delay: number): Reading {
  const { layers, neurons, stride, scale, values } = message.states
  const all = new Int8Array(bytesOf(values).buffer)
  const size = message.rows * neurons
  const states = Array.from({ length: layers }, (_, layer) => all.subarray(layer * size, (layer + 1) * size))
  return {
    ...message,
    ...{ layers, neurons, stride, scale, delay },
    image: bytesOf(message.image),
    probabilities: new Float32Array(bytesOf(message.probabilities).buffer),
    states,
    // With tanh, full is 1. With ReLU there is no highest state, and a single large one would leave all others pale.
    full: states.map((layer) => (scale <= 1 ? 127 / scale : largeOf(layer))),
  }
}

/** A state that few are above: 3 of 100. */
function largeOf(states: Int8Array): number {
  const counts = new Uint32Array(128)
  for (const state of states) counts[Math.min(127, Math.abs(state))] = (counts[Math.min(127, Math.abs(state))] ?? 0) + 1
  let above = 0
  for (let state = 127; state > 1; state -= 1) {
    above += counts[state] ?? 0
    if (above > 0.03 * states.length) return state
  }
  return 1
}

/** Reads the same drawing again when another network reads. */
export function readAgainWith(ink: () => (() => Uint8Array<ArrayBuffer>) | undefined): () => void {
  let revision = model.value?.revision
  return model.subscribe((now) => {
    if (now === undefined || now.revision === revision) return
    revision = now.revision
    const drawn = ink()
    if (drawn !== undefined) read(drawn)
  })
}

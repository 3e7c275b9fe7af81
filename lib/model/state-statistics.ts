/** How the states of a recurrent layer are spread, step by step: whether it still tells images apart, and where it passes no gradient. */

import type { Tensor } from '../tensor'
import type { Architecture } from './architecture'

/** Above this, tanh is so flat that less than 2 % of a gradient passes: 1 - 0.99^2. */
const SATURATED_TANH = 0.99

/** The states of all images and neurons after one row of the images. */
export interface StepStatistics {
  /** The time step, from 0: the row that was read last. */
  step: number
  mean: number
  /** Of all these states, divided by their number (not by one less). */
  standardDeviation: number
  /** Share of the states that pass next to no gradient, 0 to 1: with tanh those whose absolute value is above 0.99, with relu the zeros. */
  saturation: number
}

/**
 * @param states - `[T, N, H]`: what a hook on `basic_rnn` gets as the first output.
 * @param lengths - `[N]`, of sequences of different length: those that have ended count no more. The longest one is the last that is measured.
 */
export function statisticsByStep(
  { data, shape: [rows = 0, samples = 0, neurons = 0] }: Tensor,
  nonlinearity: Architecture['nonlinearity'],
  lengths?: Int32Array,
): StepStatistics[] {
  const steps = lengths?.reduce((longest, length) => Math.max(longest, length), 0) ?? rows
  const size = samples * neurons
  const isSaturated = nonlinearity === 'tanh' ? (state: number) => Math.abs(state) > SATURATED_TANH : (state: number) => state === 0
  return Array.from({ length: steps }, (_, step) => {
    const all = data.subarray(step * size, (step + 1) * size)
    const states = lengths === undefined ? all : all.filter((_, index) => step < (lengths[Math.floor(index / neurons)] as number))
    const mean = meanOf(states, (state) => state)
    const variance = meanOf(states, (state) => (state - mean) ** 2)
    const saturation = meanOf(states, (state) => (isSaturated(state) ? 1 : 0))
    return { step, mean, standardDeviation: Math.sqrt(variance), saturation }
  })
}

/** Summed in doubles, so that nothing is lost over many states. */
function meanOf(states: Float32Array, value: (state: number) => number): number {
  let total = 0
  for (const state of states) total += value(state)
  return total / states.length
}

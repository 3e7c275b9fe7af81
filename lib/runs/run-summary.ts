import { parameterCount } from '../model/architecture'
import type { RunRecord, RunState } from './run-record'

/** A run in a few numbers. */
export interface RunSummary {
  /** The name of its folder. */
  name: string
  path: string
  /** When it began, in UTC as ISO 8601. */
  created: string
  state: RunState
  /** The code of the error that it failed with, where it could say that. */
  failure?: string
  inputSize: number
  hiddenSize: number
  numLayers: number
  numClasses: number
  nonlinearity: 'tanh' | 'relu'
  parameters: number
  /** Epochs that were asked for; null where the run does not tell. */
  epochs: number | null
  epochsDone: number
  /** The epoch with the lowest validation loss, and what was measured after it; only with validation. */
  bestEpoch?: number
  validationLoss?: number
  validationAccuracy?: number
  /** Only when the test set was measured. */
  testLoss?: number
  /** Only when the test set was measured. */
  testAccuracy?: number
  /** What training and measuring took. */
  seconds: number
}

/** Sums up a run. */
export function summarizeRun(run: RunRecord): RunSummary {
  const { name, path, created, state, failure, network, options, epochs, evaluation, seconds } = run
  const asked = options['epochs']
  return {
    name,
    path,
    created,
    state,
    ...(failure === undefined ? {} : { failure }),
    ...network,
    parameters: parameterCount(network),
    epochs: typeof asked === 'number' ? asked : null,
    epochsDone: epochs.length,
    ...bestOf(run),
    ...(evaluation === undefined ? {} : { testLoss: evaluation.loss, testAccuracy: evaluation.accuracy }),
    seconds,
  }
}

function bestOf({ epochs }: RunRecord): Pick<RunSummary, 'bestEpoch' | 'validationLoss' | 'validationAccuracy'> {
  let best: { epoch: number; validationLoss: number; validationAccuracy: number } | undefined
  for (const { epoch, validationLoss, validationAccuracy } of epochs) {
    if (validationLoss === undefined || validationAccuracy === undefined) continue
    if (best === undefined || validationLoss < best.validationLoss) best = { epoch, validationLoss, validationAccuracy }
  }
  if (best === undefined) return {}
  const { epoch: bestEpoch, ...measured } = best
  return { bestEpoch, ...measured }
}

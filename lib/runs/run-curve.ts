import type { TrainingCurve } from '../charts/training-curves'
import type { RunRecord } from './run-record'

/** What a picture of training curves shows of a run. */
export function curveOf({ name, epochs, evaluation }: RunRecord): TrainingCurve {
  return { name, epochs, ...(evaluation === undefined ? {} : { testLoss: evaluation.loss, testAccuracy: evaluation.accuracy }) }
}

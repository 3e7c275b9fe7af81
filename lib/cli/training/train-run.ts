/** A whole training, as `train` and the live page do it: from the data to the measured model. */
import type { LoadedImages } from '../../data/load-images'
import { TorchRnnError } from '../../errors'
import { pickOptions } from '../../options/checks'
import { flagIn, flagOf } from '../../options/flag-words'
import { HYPERPARAMETERS } from '../../options/options'
import type { RunFolder } from '../../runs/run-folder'
import { checkCombinations } from '../../training/combinations'
import { checkAugmentable, checkValidation } from '../../training/training-data'
import { checkFlagsBy } from '../exit'
import { loadTrainingData } from '../load-data'
import type { Reporter } from '../reporter'
import { createModel } from './create-model'
import type { ReopenedRun } from './reopen-run'
import { checkOutput, startRun } from './start-run'
import { type Outcome, trainAndMeasure } from './train-and-measure'
import type { TrainFlags } from './train-flags'

/** What a training is asked for. */
export interface TrainRequest {
  readonly flags: TrainFlags
  /** The names of the flags that the user wrote. */
  readonly given: ReadonlySet<string>
  /** The run that goes on; undefined for a new one. */
  readonly reopened: ReopenedRun | undefined
  /** The images, where they were read before. */
  readonly data?: LoadedImages
}

/**
 * Trains a network, and measures it when all epochs are done. What it does is in the folder of a run.
 *
 * @param report - Told of what it came to, before the run's folder is given free.
 * @throws What ended the training early, once the model is saved; TorchRnnError `ERR_NOT_FINITE` for a model that is of no use.
 */
export async function trainRun(
  request: TrainRequest,
  reporter: Reporter,
  stop: AbortSignal,
  report: (outcome: Outcome, run: RunFolder) => void,
): Promise<void> {
  const { flags, given, reopened } = request
  const hyperparameters = pickOptions(HYPERPARAMETERS, flags)
  checkFlagsBy(() => checkCombinations(hyperparameters, (name) => flagIn(HYPERPARAMETERS, name)))
  checkValidation(hyperparameters, flags.validationSplit !== undefined)
  if (flags.output !== undefined) await checkOutput(flags.output, flags.run)
  const data = request.data ?? (await loadTrainingData(flags, reporter, stop))
  stop.throwIfAborted()
  checkAugmentable(data.train, hyperparameters, flagOf)
  const model = await createModel({ flags, given, train: data.train, checkpoint: reopened?.checkpoint }, stop)
  try {
    const { run, goOn } = await startRun(flags, model, data, reporter, reopened)
    try {
      const outcome = await trainAndMeasure({ flags, model, data, run, goOn, reporter, stop, reopened })
      checkMeasured(outcome)
      report(outcome, run)
    } finally {
      if (reopened === undefined) await run.close()
    }
  } finally {
    model.dispose()
  }
}

/** Fails where the model is of no use, once all is saved. @throws TorchRnnError `ERR_NOT_FINITE`. */
function checkMeasured({ evaluation }: Outcome): void {
  if (evaluation === undefined || Number.isFinite(evaluation.loss)) return
  const advice = 'Train again with a lower learning rate, or clip the gradients.'
  const message = `The mean loss on the test images is not finite (${evaluation.loss}): what the model computes for them overflows. ${advice}`
  throw new TorchRnnError('ERR_NOT_FINITE', message, { expected: 'a finite loss', actual: String(evaluation.loss) })
}

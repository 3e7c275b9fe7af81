import type { Command } from 'commander'
import { TorchRnnError } from '../../errors'
import { pickOptions } from '../../options/checks'
import { flagIn } from '../../options/flag-words'
import { HYPERPARAMETERS } from '../../options/options'
import type { RunFolder } from '../../runs/run-folder'
import { drawBox } from '../../text/table'
import { checkCombinations } from '../../training/combinations'
import { withRecipe } from '../../training/recipes'
import { checkValidation } from '../../training/training-data'
import { defineCommand } from '../define-command'
import { type DoneEvent, doneSince, startOf } from '../events'
import { checkFlagsBy } from '../exit'
import { loadTrainingData } from '../load-data'
import { formatDuration, toPercent } from '../numbers'
import type { Reporter } from '../reporter'
import { columnsOf } from '../terminal'
import { createModel } from '../training/create-model'
import { resumeCommand } from '../training/keep-model'
import { type ReopenedRun, reopenRun } from '../training/reopen-run'
import { CONFIGURED, checkOutput, startRun } from '../training/start-run'
import { type Outcome, trainAndMeasure } from '../training/train-and-measure'
import { describeRecipes, HEADINGS, TRAIN_OPTIONS, type TrainFlags } from '../training/train-flags'

const EXAMPLES = `
${describeRecipes()}
Examples:
  rnn-mnist-train                                     the tutorial: 10 epochs on MNIST, some minutes
  rnn-mnist-train --epochs 1                          a first look
  rnn-mnist-train --recipe quick                      98.8 % of MNIST in two epochs
  rnn-mnist-train --recipe accurate                   a sixth of the mistakes in twice the time; the flags that you give come first
  rnn-mnist-train --validation-split 0.1 --early-stopping-patience 3
  rnn-mnist-train --model digits.safetensors --learning-rate 1e-4
  rnn-mnist-train --hidden-size 64 --num-layers 1 --nonlinearity relu --recurrent-init identity
  rnn-mnist-train --data pictures --image-size 32     a folder of pictures for each class
  rnn-mnist-train --data emnist --subset letters
  rnn-mnist-train --data digits.csv --test-split 0.2
  rnn-mnist-train --data fashion/ --output fashion.safetensors
  rnn-mnist-train --resume                            go on with the newest run, with its options
  rnn-mnist-train --resume --run runs/long --epochs 20
  rnn-mnist-train --json | tail -n 1                  the result for another program

Ctrl-C finishes the running batch and saves the model. It also keeps a checkpoint of the exact batch, from which --resume goes on. The same
happens when the terminal is closed, or when nothing reads the output any more. --stop-after-epochs ends a part of a run with exit code 0,
and leaves the test set for the end.

A resumed run goes on with the network, the seed and the training options of its checkpoint. Other values for these are an error, but
--epochs can be raised (not with the schedules cosine, one-cycle and warmup-cosine). --data, --log-interval, --output, --checkpoint-every,
--keep-checkpoints and --stop-after-epochs can be given anew. So can --device, --engine, --threads and --precision: if one of them differs,
a warning says that the result is not the same bit for bit.`

/** `train`: trains a network, from the start or from a model file, or goes on with a run, and measures it on the test set. */
export function trainCommand(): Command {
  return defineCommand({
    name: 'train',
    summary: 'train a network and measure it (the default command)',
    description: 'Trains a recurrent network to read handwritten digits row by row, and measures it on the test set.',
    options: TRAIN_OPTIONS,
    headings: HEADINGS,
    details: EXAMPLES,
    work: train,
  })
}

/** What a training is asked for. */
interface Request {
  readonly flags: TrainFlags
  /** The names of the flags that the user wrote. */
  readonly given: ReadonlySet<string>
  /** The run that goes on; undefined for a new one. */
  readonly reopened: ReopenedRun | undefined
  /** When the command began, by `performance.now()`. */
  readonly started: number
}

async function train(asked: TrainFlags, reporter: Reporter, stop: AbortSignal, given: ReadonlySet<string>): Promise<void> {
  const started = performance.now()
  const reopened = asked.resume === undefined ? undefined : await reopenRun(asked.resume, asked, given)
  const flags = reopened?.flags ?? withRecipe(asked, asked.recipe, given)
  try {
    if (reopened !== undefined && isStopReached(flags, reopened)) reportNothingToDo(reopened, reporter, started)
    else await trainRun({ flags, given, reopened, started }, reporter, stop)
  } finally {
    await reopened?.run.close()
  }
}

/** Whether `--stop-after-epochs` asks for no more than what is done. */
function isStopReached({ epochs, stopAfterEpochs = epochs }: TrainFlags, { checkpoint }: ReopenedRun): boolean {
  return stopAfterEpochs < epochs && checkpoint.position.epochs >= stopAfterEpochs
}

function reportNothingToDo({ run, flags, file, checkpoint }: ReopenedRun, reporter: Reporter, started: number): void {
  const options = { ...checkpoint.origin.model, ...pickOptions(CONFIGURED, flags) }
  reporter.step(startOf('train', { options, run: run.path, resumed: file }), () => 'There is nothing to do.\n')
  const { epochs } = checkpoint.position
  const done: DoneEvent = { ...doneSince(started), ended: 'stopped', run: run.path }
  reporter.step(done, (event) => describePause(event, run, epochs, flags))
}

async function trainRun(request: Request, reporter: Reporter, stop: AbortSignal): Promise<void> {
  const { flags, given, reopened } = request
  const hyperparameters = pickOptions(HYPERPARAMETERS, flags)
  checkFlagsBy(() => checkCombinations(hyperparameters, (name) => flagIn(HYPERPARAMETERS, name)))
  checkValidation(hyperparameters, flags.validationSplit !== undefined)
  if (flags.output !== undefined) await checkOutput(flags.output, flags.run)
  const data = await loadTrainingData(flags, reporter, stop)
  const model = await createModel({ flags, given, train: data.train, checkpoint: reopened?.checkpoint }, stop)
  try {
    const { run, goOn } = await startRun(flags, model, data, reporter, reopened)
    try {
      const outcome = await trainAndMeasure({ flags, model, data, run, goOn, reporter, stop, reopened })
      checkMeasured(outcome)
      reportDone(outcome, request, run, reporter)
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

function reportDone({ history, evaluation }: Outcome, { flags, started }: Request, run: RunFolder, reporter: Reporter): void {
  const { bestEpoch, epochs } = history
  const facts = { ended: toEnded(history), ...(bestEpoch === undefined ? {} : { bestEpoch }), run: run.path }
  if (evaluation === undefined) {
    reporter.step({ ...doneSince(started), ...facts }, (event) => describePause(event, run, epochs.length, flags))
    return
  }
  const { accuracy, loss } = evaluation
  reporter.step({ ...doneSince(started, { testAccuracy: accuracy, testLoss: loss }), ...facts }, describeDone)
}

/** Of a run, only `--stop-after-epochs` ends the training after an epoch. */
function toEnded({ ended }: Outcome['history']): NonNullable<DoneEvent['ended']> {
  return ended === 'callback' ? 'stopped' : ended
}

function describeDone({ seconds, run = '', testAccuracy = 0, ended, bestEpoch }: DoneEvent): string {
  const best = bestEpoch === undefined ? [] : [['Best epoch', describeBest(bestEpoch, ended)] as const]
  return drawLines([
    ['Test accuracy', `${toPercent(testAccuracy)} %`],
    ...best,
    ['Time', formatDuration(seconds)],
    ['Model, metrics', run],
    ['Try next', 'rnn-mnist-train evaluate'],
    ['', 'rnn-mnist-train hook'],
    ['', 'rnn-mnist-train --help'],
  ])
}

/** As in the lines of the epochs, counted from 0. */
function describeBest(epoch: number, ended: DoneEvent['ended']): string {
  return `${String(epoch - 1).padStart(2, '0')}${ended === 'early-stopping' ? ' (stopped early)' : ''}`
}

/** The end of a part of a run. */
function describePause({ seconds, run: path = '' }: DoneEvent, run: RunFolder, done: number, { epochs }: TrainFlags): string {
  return drawLines([
    ['Epochs', `${done} of ${epochs} are done`],
    ['Time', formatDuration(seconds)],
    ['Model, metrics', path],
    ['Go on with', resumeCommand(run)],
  ])
}

function drawLines(entries: readonly (readonly [string, string])[]): string {
  return `${drawBox(entries, columnsOf(process.stdout)).join('\n')}\n`
}

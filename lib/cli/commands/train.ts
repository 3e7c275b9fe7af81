import type { Command } from 'commander'
import { pickOptions } from '../../options/checks'
import type { RunFolder } from '../../runs/run-folder'
import { drawBox } from '../../text/table'
import { withRecipe } from '../../training/recipes'
import { defineCommand } from '../define-command'
import { type DoneEvent, doneSince, startOf } from '../events'
import { formatDuration, toPercent } from '../numbers'
import type { Reporter } from '../reporter'
import { columnsOf } from '../terminal'
import { resumeCommand } from '../training/keep-model'
import { type ReopenedRun, reopenRun } from '../training/reopen-run'
import { CONFIGURED } from '../training/start-run'
import type { Outcome } from '../training/train-and-measure'
import { describeRecipes, HEADINGS, TRAIN_OPTIONS, type TrainFlags } from '../training/train-flags'
import { trainRun } from '../training/train-run'

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

async function train(asked: TrainFlags, reporter: Reporter, stop: AbortSignal, given: ReadonlySet<string>): Promise<void> {
  const started = performance.now()
  const reopened = asked.resume === undefined ? undefined : await reopenRun(asked.resume, asked, given)
  const flags = reopened?.flags ?? withRecipe(asked, asked.recipe, given)
  try {
    if (reopened !== undefined && isStopReached(flags, reopened)) reportNothingToDo(reopened, reporter, started)
    else
      await trainRun({ flags, given, reopened }, reporter, stop, (outcome, run) => reportDone(outcome, run, { flags, started }, reporter))
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

/** What the end is told about. */
interface Asked {
  readonly flags: TrainFlags
  /** When the command began, by `performance.now()`. */
  readonly started: number
}

function reportDone({ history, evaluation, report }: Outcome, run: RunFolder, { flags, started }: Asked, reporter: Reporter): void {
  const { bestEpoch, epochs } = history
  const facts = { ended: toEnded(history), ...(bestEpoch === undefined ? {} : { bestEpoch }), run: run.path }
  if (evaluation === undefined) {
    reporter.step({ ...doneSince(started), ...facts }, (event) => describePause(event, run, epochs.length, flags))
    return
  }
  const { accuracy, loss } = evaluation
  reporter.step({ ...doneSince(started, { testAccuracy: accuracy, testLoss: loss }), ...facts }, (event) => describeDone(event, report))
}

/** Of a run, only `--stop-after-epochs` ends the training after an epoch. */
function toEnded({ ended }: Outcome['history']): NonNullable<DoneEvent['ended']> {
  return ended === 'callback' ? 'stopped' : ended
}

function describeDone({ seconds, run = '', testAccuracy = 0, ended, bestEpoch }: DoneEvent, report: string | undefined): string {
  const best = bestEpoch === undefined ? [] : [['Best epoch', describeBest(bestEpoch, ended)] as const]
  return drawLines([
    ['Test accuracy', `${toPercent(testAccuracy)} %`],
    ...best,
    ['Time', formatDuration(seconds)],
    ['Model, metrics', run],
    ...(report === undefined ? [] : [['Pictures', report] as const]),
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

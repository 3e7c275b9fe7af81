import { Command, Option } from 'commander'
import { parameterCount } from '../../architecture'
import { loadMnist } from '../../data/mnist'
import { invalidFile } from '../../data/regular-file'
import type { StartEvent } from '../../events'
import { ImageRNN } from '../../image-rnn'
import { findNewestModel } from '../../training/run-folder'
import { PACKAGE_VERSION } from '../../version'
import { addSharedFlags, type SharedFlags } from '../option-flags'
import type { Reporter } from '../reporter'
import { runCommand } from '../run-command'

interface EvaluateFlags extends SharedFlags {
  model?: string
}

const EXAMPLES = `
Examples:
  rnn-mnist-train evaluate                            the model of the newest run, on the bundled test set
  rnn-mnist-train evaluate --model digits.safetensors
  rnn-mnist-train evaluate --json | tail -n 1         the result for another program`

/** `evaluate`: measures a trained model on the test set. */
export function evaluateCommand(): Command {
  const command = new Command('evaluate').summary('measure a trained model on the test set')
  command.description('Measures loss and accuracy of a trained model on the test set.')
  command.addOption(new Option('--model <file>', "the model, as safetensors (default: the newest run's in runs/)"))
  return addSharedFlags(command)
    .addHelpText('after', EXAMPLES)
    .action((flags: EvaluateFlags) => runCommand(flags, evaluate))
}

async function evaluate(flags: EvaluateFlags, reporter: Reporter, stop: AbortSignal): Promise<void> {
  const started = performance.now()
  const file = flags.model ?? (await findNewestModel())
  const { test } = await loadMnist(flags.data === undefined ? undefined : { dir: flags.data })
  const { device, engine, seed, threads } = flags
  const model = await ImageRNN.load(file, { device, engine, seed, threads })
  try {
    const { inputSize, numClasses } = model.options
    if (inputSize !== test.columns || numClasses < test.numClasses) {
      throw invalidFile(
        file,
        `a model for rows of ${test.columns} pixels and ${test.numClasses} classes`,
        `one for ${inputSize} and ${numClasses}`,
      )
    }
    const start: StartEvent = {
      type: 'start',
      command: 'evaluate',
      version: PACKAGE_VERSION,
      device: model.device,
      engine: model.engine,
      threads: await model.threadCount(),
      parameters: parameterCount(model.options),
      testSamples: test.length,
      options: model.options,
      model: file,
    }
    reporter.report(start)
    stop.throwIfAborted()
    const evaluation = await model.evaluate(test)
    reporter.report({ type: 'evaluation', dataset: 'test', ...evaluation })
    const seconds = (performance.now() - started) / 1000
    reporter.report({ type: 'done', testAccuracy: evaluation.accuracy, testLoss: evaluation.loss, seconds })
  } finally {
    model.dispose()
  }
}

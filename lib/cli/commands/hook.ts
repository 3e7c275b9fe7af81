import { Command, InvalidArgumentError, Option } from 'commander'
import type { ModuleName } from '../../model/forward-hooks'
import { SaveFeatures } from '../../model/save-features'
import { statisticsByStep } from '../../model/state-statistics'
import { TRAIN_OPTIONS } from '../../options/options'
import { type ModelFlags, modelFlag, type OpenModel, withModel } from '../open-model'
import { addSharedFlags, addTableFlags } from '../option-flags'
import type { Reporter } from '../reporter'
import { runCommand } from '../run-command'

interface HookFlags extends ModelFlags {
  module: ModuleName
  batchSize: number
}

const EXAMPLES = `
Examples:
  rnn-mnist-train hook                                the tutorial: the states of the recurrent layers for 128 images
  rnn-mnist-train hook --model digits.safetensors
  rnn-mnist-train hook --module FC                    what the linear layer puts out: the logits
  rnn-mnist-train hook --module ''                    what the whole model puts out
  rnn-mnist-train hook --json | tail -n 2 | head -n 1    shapes and statistics for another program

A forward hook sees what flows through a module; SaveFeatures is a hook that keeps it. For basic_rnn:
  features[0]      the top layer's states after each row of the images: [rows, images, neurons]
  features[0][-1]  those after the last row, from which the linear layer reads the answer
  features[1]      the states of every layer after the last row: [layers, images, neurons]
The table shows mean and standard deviation (Std) of the top layer's states after each row, over all images and neurons, and the share of
them that pass hardly any gradient back in training: |h| > 0.99 with tanh, where the curve is flat; zeros with relu.
The batch is the first images of the test set, or all of them where there are fewer. Before the first run there is no trained model: then
a fresh network from --seed is looked at, and the output says so.`

/** `hook`: shows what a module puts out for one batch. */
export function hookCommand(): Command {
  const command = new Command('hook').summary('look inside the network with a forward hook')
  command.description('Keeps what a module puts out for one batch of the test set, and shows its shapes and how its states are spread.')
  command.addOption(modelFlag(', else a fresh network'))
  const module = new Option('--module <name>', "what to look at: basic_rnn, FC, or '' for the whole model")
  command.addOption(module.default('basic_rnn').argParser(parseModule))
  addTableFlags(command, { batchSize: { ...TRAIN_OPTIONS.batchSize, summary: 'images of the batch' } }, ['batchSize'])
  return addSharedFlags(command)
    .addHelpText('after', EXAMPLES)
    .action((flags: HookFlags) => runCommand(flags, hook))
}

function parseModule(text: string): ModuleName {
  if (text === '' || text === 'basic_rnn' || text === 'FC') return text
  throw new InvalidArgumentError("Expected basic_rnn, FC, or '' for the whole model.")
}

async function hook(flags: HookFlags, reporter: Reporter, stop: AbortSignal): Promise<void> {
  const started = performance.now()
  await withModel(flags, { command: 'hook', withoutModel: 'fresh' }, reporter, async ({ model, test, trained }) => {
    stop.throwIfAborted()
    const features = await featuresOf({ model, test, trained }, flags)
    const { nonlinearity } = model.options
    const shapes = features.map(({ shape }) => shape)
    const [states] = features
    const isRecurrent = flags.module === 'basic_rnn' && states !== undefined
    const steps = isRecurrent ? { steps: statisticsByStep(states, nonlinearity) } : {}
    reporter.report({ type: 'features', trained, module: flags.module, nonlinearity, shapes, ...steps })
    reporter.report({ type: 'done', seconds: (performance.now() - started) / 1000 })
  })
}

async function featuresOf({ model, test }: OpenModel, { module, batchSize }: HookFlags): Promise<SaveFeatures['features']> {
  using activations = new SaveFeatures(model, module)
  await model.forward(test.images(0, Math.min(batchSize, test.length)))
  return activations.features
}

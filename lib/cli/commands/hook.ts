import type { Command } from 'commander'
import type { ImageBatch } from '../../data/image-batch'
import { describeShape } from '../../errors'
import type { Architecture } from '../../model/architecture'
import type { ModuleName } from '../../model/forward-hooks'
import type { ImageRNN } from '../../model/image-rnn'
import { SaveFeatures } from '../../model/save-features'
import { type StepStatistics, statisticsByStep } from '../../model/state-statistics'
import { OPTIONS } from '../../options/options'
import type { Resolved } from '../../options/specs'
import { drawColumns } from '../../text/table'
import { defineCommand, SHARED_OPTIONS } from '../define-command'
import { doneSince } from '../events'
import { toPercent } from '../numbers'
import { modelOption, withModel } from '../open-model'
import type { Reporter } from '../reporter'

/** What a module put out for a batch of test images, as SaveFeatures keeps it. */
export interface FeaturesEvent {
  type: 'features'
  /** False for a network fresh from its seed. */
  trained: boolean
  module: ModuleName
  /** The shape of each output; see ForwardHookEvent. */
  shapes: number[][]
  /** Activation of the recurrent layers, which decides what saturation means. */
  nonlinearity: Architecture['nonlinearity']
  /** How the top layer's states are spread after each row of the images; only for `basic_rnn`. */
  steps?: StepStatistics[]
}

/** The heading of the column with the saturation, and what it means. */
const SATURATION = {
  tanh: ['|h|>0.99', '|h|>0.99: share of the states h where tanh is so flat', 'that they pass hardly any gradient back.'],
  relu: ['h=0', 'h=0: share of the states h that relu has cut to zero;', 'they pass no gradient back.'],
} as const

const HOOK_OPTIONS = {
  ...modelOption('a fresh network'),
  module: {
    kind: 'text',
    pattern: /^(basic_rnn|FC|)$/,
    expected: "basic_rnn, FC, or '' for the whole model",
    placeholder: 'name',
    default: 'basic_rnn',
    summary: "what to look at: basic_rnn, FC, or '' for the whole model",
  },
  batchSize: { ...OPTIONS.training.batchSize, summary: 'images of the batch' },
  ...SHARED_OPTIONS,
} as const

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
them that pass hardly any gradient back in training: |h| > 0.99 with tanh, where the curve is flat; zeros with relu. Sequences
that have ended count no more.
The batch is the first images of the test set, or all of them where there are fewer. Before the first run there is no trained model.
Then a fresh network from --seed is shown, and the output says so.`

/** `hook`: shows what a module puts out for one batch. */
export function hookCommand(): Command {
  return defineCommand({
    name: 'hook',
    summary: 'look inside the network with a forward hook',
    description: 'Keeps what a module puts out for one batch of the test set, and shows its shapes and how its states are spread.',
    options: HOOK_OPTIONS,
    details: EXAMPLES,
    work: hook,
  })
}

async function hook(flags: Resolved<typeof HOOK_OPTIONS>, reporter: Reporter, stop: AbortSignal): Promise<void> {
  const started = performance.now()
  await withModel(flags, { command: 'hook', withoutModel: 'fresh' }, reporter, stop, async ({ model, test, trained }) => {
    const module = flags.module as ModuleName // The pattern of the option allows nothing else.
    const images = test.images(0, Math.min(flags.batchSize, test.length))
    const features = await featuresOf(model, images, module, stop)
    const { nonlinearity } = model.options
    const shapes = features.map(({ shape }) => shape)
    const [states] = features
    const isRecurrent = module === 'basic_rnn' && states !== undefined
    const steps = isRecurrent ? { steps: statisticsByStep(states, nonlinearity, images.lengths) } : {}
    reporter.result({ type: 'features', trained, module, nonlinearity, shapes, ...steps }, describeFeatures)
    reporter.step(doneSince(started))
  })
}

async function featuresOf(model: ImageRNN, images: ImageBatch, module: ModuleName, signal: AbortSignal): Promise<SaveFeatures['features']> {
  using activations = new SaveFeatures(model, module)
  await model.forward(images, { signal })
  return activations.features
}

/** The shapes, as the tutorial prints them, and for the recurrent layers how the states are spread. */
function describeFeatures(event: FeaturesEvent): string {
  const network = event.trained ? [] : ['Features of a network never trained']
  const shapes = event.shapes.flatMap((shape, index) => {
    const line = `features[${index}].shape = ${describeShape(shape)}`
    // Of the states after each row, the last ones are what the linear layer reads.
    const isSequence = event.module === 'basic_rnn' && index === 0
    return isSequence ? [line, `features[${index}][-1].shape = ${describeShape(shape.slice(1))}`] : [line]
  })
  const table = event.steps === undefined ? [] : ['', ...drawSteps(event.steps, event.nonlinearity)]
  return `${[...network, ...shapes, ...table].join('\n')}\n`
}

function drawSteps(steps: readonly StepStatistics[], nonlinearity: Architecture['nonlinearity']): string[] {
  const [heading, ...meaning] = SATURATION[nonlinearity]
  const rows = steps.map(({ step, mean, standardDeviation, saturation }) => [
    String(step),
    ...[mean, standardDeviation].map((value) => value.toFixed(4)),
    `${toPercent(saturation)}%`,
  ])
  const title = "The top layer's states after each row of the images:"
  return [title, ...drawColumns([['Step', 'Mean', 'Std', heading], ...rows]), ...meaning]
}

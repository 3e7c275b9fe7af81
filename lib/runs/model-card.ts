/** The model card of a run: what its model is, in Markdown, with a head that the Hugging Face Hub reads. */

import { parameterCount } from '../model/architecture'
import { changedOptions } from '../options/flag-words'
import { drawMarkdownTable, toCodeBlock, toMarkdown, toYamlText } from '../text/markdown'
import { commandLineOf, nameOfPath, withoutPaths } from './command-line'
import { PYTHON_MODEL } from './python-model'
import { LOG_FILES, MODEL_FILE } from './run-files'
import { KNOWN_OPTIONS, type RunRecord } from './run-record'
import { summarizeRun } from './run-summary'

/** By this line a card is recognised as one that nobody has changed. */
const MARK = '<!-- Written by torch-rnn-mnist, again after each training of this run. Delete this line to keep your own changes. -->'

/** Whether a card may be written again. */
export function isOwnCard(text: string): boolean {
  return text.includes(MARK)
}

/** Writes the card of a run. */
export function drawModelCard(run: RunRecord): string {
  const sections = [
    drawHead(run),
    MARK,
    `# ${toMarkdown(run.name)}`,
    describeModel(run),
    '## Training',
    describeTraining(run),
    '## Results',
    describeResults(run),
    '## Use it in TypeScript',
    toCodeBlock(useInTypeScript(run.network), 'ts'),
    '## Use it in Python',
    `This folder is a model repository; \`from_pretrained\` takes its path, or its name on the Hub.`,
    toCodeBlock(`${PYTHON_MODEL}\n\n\n${useInPython(run.network)}`, 'python'),
    '## Train it again',
    toCodeBlock(commandLineOf(run), 'sh'),
    describeReproduction(run),
  ]
  return `${sections.join('\n\n')}\n`
}

function useInTypeScript({ inputSize }: RunRecord['network']): string {
  return `\
import { ImageRNN } from 'torch-rnn-mnist'

const model = await ImageRNN.load('${MODEL_FILE}')
// images: [N, T, ${inputSize}], N images of T rows; bytes, or floats from 0 to 1
const { classes, probabilities } = await model.predict(images)`
}

function useInPython({ inputSize }: RunRecord['network']): string {
  return `\
model = ImageRNN.from_pretrained(".").eval()
with torch.inference_mode():
    # images: [N, T, ${inputSize}], N images of T rows; a float tensor, 0 to 1
    logits = model(images)`
}

/** The fields that the Hub knows. No license: that is for its owner to choose. */
function drawHead(run: RunRecord): string {
  const dataset = run.data === undefined ? { type: 'mnist', name: 'MNIST' } : { type: datasetType(run.options), name: nameOfPath(run.data) }
  const lines = [
    'library_name: pytorch',
    'pipeline_tag: image-classification',
    'tags:',
    ...['torch-rnn-mnist', 'rnn', 'image-classification', 'model_hub_mixin', 'pytorch_model_hub_mixin'].map((tag) => `- ${tag}`),
    ...(run.data === undefined ? ['datasets:', '- mnist'] : []),
    'metrics:',
    '- accuracy',
    ...(run.evaluation === undefined ? [] : drawModelIndex(run.name, dataset, run.evaluation)),
  ]
  return ['---', ...lines, '---'].join('\n')
}

/** As the Hub calls the ways in which data sets are kept. */
function datasetType({ format }: RunRecord['options']): string {
  if (format === 'pictures') return 'imagefolder'
  return format === 'csv' || format === 'npz' ? format : 'idx'
}

function drawModelIndex(name: string, dataset: { type: string; name: string }, result: { accuracy: number; loss: number }): string[] {
  const metrics = [
    ['accuracy', 'Test accuracy', result.accuracy],
    ['loss', 'Test loss', result.loss],
  ] as const
  return [
    'model-index:',
    `- name: ${toYamlText(name)}`,
    '  results:',
    '  - task:',
    '      type: image-classification',
    '      name: Image Classification',
    '    dataset:',
    `      type: ${dataset.type}`,
    `      name: ${toYamlText(dataset.name)}`,
    '      split: test',
    '    metrics:',
    ...metrics
      .filter(([, , value]) => Number.isFinite(value))
      .flatMap(([type, title, value]) => [`    - type: ${type}`, `      name: ${title}`, `      value: ${toYamlNumber(value)}`]),
  ]
}

/** YAML 1.1 takes "1e-7" for a text. */
function toYamlNumber(value: number): string {
  return String(value).replace(/^(-?\d+)e/, '$1.0e')
}

function describeModel({ network, data }: RunRecord): string {
  const { inputSize, hiddenSize, numLayers, numClasses, nonlinearity } = network
  const layers = numLayers === 1 ? 'one plain (Elman) recurrent layer' : `${numLayers} plain (Elman) recurrent layers`
  const images = data === undefined ? 'handwritten digits of MNIST' : `the images of ${toMarkdown(nameOfPath(data))}`
  return [
    `A recurrent network that classifies ${images}: it reads an image row by row, ${inputSize} pixels at a time, with ${layers} of`,
    `${hiddenSize} ${nonlinearity} neurons, and one linear layer on the last state of the top one gives a score for each of`,
    `${numClasses} classes. It has ${parameterCount(network)} parameters, in float32, and was trained by \`torch-rnn-mnist\` (an npm package).`,
  ].join(' ')
}

function describeTraining(run: RunRecord): string {
  const { options, epochs, trainSamples, device, threads, versions, seconds, model } = run
  const asked = options['epochs']
  const last = epochs.at(-1)
  const images = trainSamples === undefined ? '' : ` on ${trainSamples} images`
  const updates = last === undefined ? '' : `, ${last.step} updates`
  const count = epochs.length
  const done = asked === undefined || count === asked ? `${count} ${count === 1 ? 'epoch' : 'epochs'}` : `${count} of ${asked} epochs`
  const where = `${toMarkdown(device)}${threads === undefined || device !== 'cpu' ? '' : `, ${threads} ${threads === 1 ? 'thread' : 'threads'}`}`
  const libraries = Object.entries(versions).map(([name, version]) => `${toMarkdown(name)} ${toMarkdown(version)}`)
  const origin = model === undefined ? [] : [`- from the weights of another model, ${toMarkdown(nameOfPath(model))}`]
  const facts = [`- ${done}${updates}${images}`, ...origin, `- ${where}, ${Math.round(seconds)} seconds`, `- ${libraries.join(', ')}`]
  const changed = trainingChanges(run)
  const table = drawMarkdownTable(
    [['Option', 'Value'], ...changed.map(([name, value]) => [toMarkdown(name), toMarkdown(String(value))])],
    2,
  )
  return `${facts.join('\n')}\n\n${changed.length === 0 ? 'All options have their defaults.' : `Options that differ from their defaults:\n\n${table}`}`
}

/** What a reader of the card wants to know. How it was shown while it trained is no part of that. */
function trainingChanges({ options }: RunRecord): [name: string, value: unknown][] {
  const { logInterval, ...table } = KNOWN_OPTIONS
  return changedOptions(table, withoutPaths(options))
}

function describeResults(run: RunRecord): string {
  const { evaluation, epochs } = run
  const { bestEpoch, validationAccuracy = 0 } = summarizeRun(run)
  const validation =
    bestEpoch === undefined ? [] : [[`Validation accuracy of the best epoch (${bestEpoch})`, toPercentText(validationAccuracy)]]
  const last = epochs.at(-1)
  const training = last === undefined ? [] : [['Loss of the last epoch, training', last.trainLoss.toFixed(4)]]
  const log = `\`${LOG_FILES.table}\` has every epoch, and the event files show them in TensorBoard.`
  if (evaluation === undefined) {
    const table = drawMarkdownTable([['Measure', 'Value'], ...training, ...validation], 1)
    return `The run was not completed, so the test set was not measured.\n\n${table}\n\n${log}`
  }
  const test = [
    ['Test accuracy', toPercentText(evaluation.accuracy)],
    ['Test loss (mean cross entropy)', evaluation.loss.toFixed(4)],
  ]
  const classes = evaluation.perClass.map(({ label, name, precision, recall, f1, support }) => [
    toMarkdown(name ?? String(label)),
    ...[precision, recall, f1].map((share) => share.toFixed(4)),
    String(support),
  ])
  return [
    drawMarkdownTable([['Measure', 'Value'], ...test, ...validation, ...training], 1),
    `On the ${evaluation.samples} images of the test set, which took no part in the training, by class:`,
    drawMarkdownTable([['Class', 'Precision', 'Recall', 'F1', 'Images'], ...classes], 0),
    log,
  ].join('\n\n')
}

function describeReproduction({ device }: RunRecord): string {
  const random = 'Every random choice follows from the seed.'
  if (device !== 'cpu') return random
  return `${random} With the same versions, number of threads and kind of processor, all losses are the same, bit for bit.`
}

function toPercentText(share: number): string {
  return `${(share * 100).toFixed(2)} %`
}

/** Writes the report of a run: one page with everything that can be shown of it. */
import { join } from 'node:path'
import { plotConfusionMatrix } from '../charts/confusion-matrix'
import { withImages } from '../charts/find-mistakes'
import { plotMistakes } from '../charts/mistakes'
import { MODEL_PICTURES, type ModelPicture, type Subject } from '../charts/model-pictures'
import { drawCode, drawFigure, drawParagraph, drawReportPage, drawTable, type ReportSection } from '../charts/report-page'
import { plotTrainingCurves } from '../charts/training-curves'
import { nameOfClass } from '../data/class-names'
import type { ImageDataset } from '../data/dataset'
import { TorchRnnError } from '../errors'
import { writeFileDurably } from '../files/durable-file'
import { parameterCount } from '../model/architecture'
import { classNamesOf, type MistakenSample } from '../model/evaluation'
import type { ImageRNN } from '../model/image-rnn'
import { changedOptions } from '../options/flag-words'
import { commandLineOf, nameOfPath } from './command-line'
import { curveOf } from './run-curve'
import { LOG_FILES, REPORT_FILE } from './run-files'
import { BUNDLED_DATA, KNOWN_OPTIONS, type RunRecord } from './run-record'
import { summarizeRun } from './run-summary'

/** What a report shows besides the logs of the run. */
export interface ReportSource {
  readonly model: ImageRNN
  readonly test: ImageDataset
  /** Those of the evaluation that the run ended with, so many as the page has room for; undefined where they have to be found first. */
  readonly mistakes?: readonly MistakenSample[] | undefined
  readonly signal: AbortSignal
}

/** Mistakes on the page. */
export const REPORT_MISTAKES = 24
/** Epochs in the table; the logs have all of them. */
const SHOWN_EPOCHS = 100
/** Layers times neurons cubed: eigenvalues of more would make a training wait for its report. Some half a second: 3 layers of 400 neurons. */
const MAX_EIGENVALUE_WORK = 2e8

/**
 * Writes `report.html` into the folder of a run. The same run gives the same bytes, except for the lines with times.
 *
 * @param source - Undefined where the run has no model yet.
 * @returns The path of the file.
 * @throws TorchRnnError `ERR_FILE_SYSTEM`, `ERR_LIBRARY_LOAD`; the reason of the signal.
 */
export async function writeReport(run: RunRecord, source: ReportSource | undefined): Promise<string> {
  const file = join(run.path, REPORT_FILE)
  await writeFileDurably(file, Buffer.from(await drawReport(run, source)))
  return file
}

async function drawReport(run: RunRecord, source: ReportSource | undefined): Promise<string> {
  const sections = [
    await curvesSection(run),
    await confusionSection(run),
    ...(source === undefined ? [] : await modelSections(run, source)),
  ]
  const { inputSize, hiddenSize, numLayers, numClasses, nonlinearity } = run.network
  const network = `${numLayers} × ${hiddenSize} ${nonlinearity} neurons, rows of ${inputSize} pixels, ${numClasses} classes`
  return drawReportPage({
    title: run.name,
    summary: `A recurrent network that reads images row by row: ${network}.`,
    figures: figuresOf(run),
    sections: [...sections.filter((section) => section !== undefined), settingsSection(run)],
    footer: [
      drawParagraph('Written by torch-rnn-mnist. It needs no other file, and may be sent as it is.'),
      drawParagraph(
        `Begun ${run.created.slice(0, 19).replace('T', ' ')} UTC, ${Math.round(run.seconds)} seconds of training and measuring.`,
        'time',
      ),
    ].join('\n'),
  })
}

function figuresOf(run: RunRecord): [string, string][] {
  const { evaluation, epochs, network } = run
  const { bestEpoch, validationAccuracy } = summarizeRun(run)
  const last = epochs.at(-1)
  const test: [string, string][] =
    evaluation === undefined
      ? []
      : [
          ['test accuracy', toPercent(evaluation.accuracy)],
          ['test loss (nats)', showLoss(evaluation.loss)],
        ]
  const validation: [string, string][] =
    bestEpoch === undefined || validationAccuracy === undefined
      ? []
      : [[`validation accuracy, epoch ${bestEpoch}`, toPercent(validationAccuracy)]]
  const training: [string, string][] = last === undefined ? [] : [['training loss (nats)', showLoss(last.trainLoss)]]
  const counts: [string, string][] = [
    ['epochs', String(epochs.length)],
    ['parameters', parameterCount(network).toLocaleString('en')],
  ]
  return [...test, ...validation, ...training, ...counts]
}

async function curvesSection(run: RunRecord): Promise<ReportSection | undefined> {
  if (run.epochs.length === 0) return undefined
  const isValidated = run.epochs.some(({ validationLoss }) => validationLoss !== undefined)
  const rows = run.epochs
    .slice(-SHOWN_EPOCHS)
    .map((record) => [
      String(record.epoch),
      record.learningRate.toPrecision(3),
      showLoss(record.trainLoss),
      toPercent(record.trainAccuracy),
      ...(isValidated ? [showLoss(record.validationLoss), toPercent(record.validationAccuracy)] : []),
    ])
  const headings = ['Epoch', 'Learning rate', 'Loss', 'Accuracy', ...(isValidated ? ['Validation loss', 'Validation accuracy'] : [])]
  const more =
    run.epochs.length > SHOWN_EPOCHS ? [drawParagraph(`The latest ${SHOWN_EPOCHS} epochs; ${LOG_FILES.table} has all.`, 'note')] : []
  const content = [
    drawFigure(await plotTrainingCurves([curveOf(run)], { title: 'Loss and accuracy' })),
    ...more,
    drawTable([headings, ...rows], 'numbers'),
  ]
  return { id: 'curves', heading: 'Training', content: content.join('\n') }
}

async function confusionSection({ evaluation }: RunRecord): Promise<ReportSection | undefined> {
  if (evaluation === undefined) return undefined
  const classNames = classNamesOf(evaluation.perClass)
  const classes = evaluation.perClass.map(({ label, precision, recall, f1, support }) => [
    nameOfClass(label, classNames),
    ...[precision, recall, f1].map((share) => share.toFixed(4)),
    String(support),
  ])
  const content = [
    drawFigure(await plotConfusionMatrix(evaluation.confusionMatrix, { classNames })),
    drawTable([['Class', 'Precision', 'Recall', 'F1', 'Images'], ...classes], 'numbers'),
  ]
  return { id: 'confusion', heading: 'Confusion matrix', content: content.join('\n') }
}

/** The test images may be shown at any time, but what they say about the model only once they have been measured. */
async function modelSections(run: RunRecord, source: ReportSource): Promise<ReportSection[]> {
  const { model, test, signal } = source
  const subject: Subject = { model, test, theme: 'auto', sample: 0, count: REPORT_MISTAKES, signal }
  const isMeasured = run.evaluation !== undefined
  const draw = (name: ModelPicture, changes: Partial<Subject> = {}) => drawOrExplain(name, { ...subject, ...changes })
  const hasEigenvalues = model.options.numLayers * model.options.hiddenSize ** 3 <= MAX_EIGENVALUE_WORK
  const eigenvalues = hasEigenvalues
    ? draw('eigenvalues')
    : drawParagraph(
        'There are too many neurons for their eigenvalues here: rnn-mnist-train plot eigenvalues draws them, in its time.',
        'note',
      )
  const mistakes = isMeasured ? await mistakesOf(source) : []
  const worst = mistakes[0]?.sample
  return [
    ...(isMeasured
      ? [
          {
            id: 'mistakes',
            heading: 'Mistakes',
            content: drawFigure(await plotMistakes(withImages(mistakes, test), { classNames: test.classNames })),
          },
        ]
      : []),
    {
      id: 'thinking',
      heading: 'What it thinks so far',
      content: [await draw('thinking'), ...(worst === undefined ? [] : [await draw('thinking', { sample: worst })])].join('\n'),
    },
    { id: 'states', heading: 'Hidden states', content: await draw('states') },
    { id: 'gradients', heading: 'Gradients through time', content: await draw('gradients', { sample: undefined }) },
    { id: 'weights', heading: 'Recurrent weights', content: [await draw('weights'), await eigenvalues].join('\n') },
  ]
}

async function mistakesOf({ model, test, mistakes, signal }: ReportSource): Promise<readonly MistakenSample[]> {
  return mistakes ?? (await model.evaluate(test, { mistakes: REPORT_MISTAKES, signal })).mistakes ?? []
}

/** What cannot be drawn of this model leaves the rest of the page as it is. */
async function drawOrExplain(name: ModelPicture, subject: Subject): Promise<string> {
  try {
    return drawFigure(await MODEL_PICTURES[name](subject))
  } catch (error) {
    const isReason = error instanceof TorchRnnError && ['ERR_INVALID_SHAPE', 'ERR_INVALID_DATA', 'ERR_NOT_FINITE'].includes(error.code)
    if (!isReason) throw error
    return drawParagraph(error.message, 'note')
  }
}

function settingsSection(run: RunRecord): ReportSection {
  const { options, network, data, model, trainSamples, testSamples, device, engine, instructionSet, threads, versions } = run
  const place = [
    device,
    engine,
    ...(instructionSet === undefined ? [] : [instructionSet]),
    ...(threads === undefined ? [] : [`${threads} threads`]),
  ]
  const changed = new Set(changedOptions(KNOWN_OPTIONS, options).map(([name]) => name))
  const facts = [
    ['data', data === undefined ? BUNDLED_DATA : nameOfPath(data)],
    ['images', `${trainSamples ?? '?'} for training, ${testSamples ?? '?'} for the test`],
    ...(model === undefined ? [] : [['began from', nameOfPath(model)]]),
    ...(network.normalization === undefined ? [] : [['input', 'normalised by the mean and deviation of each feature']]),
    ['computed by', place.join(', ')],
    ...Object.entries(versions),
  ]
  const values = Object.entries(options).map(([name, value]) => [name, String(value), changed.has(name) ? 'changed' : ''])
  const content = [
    drawParagraph('The command that trains the same network again:'),
    drawCode(commandLineOf(run)),
    drawTable([['Fact', 'Value'], ...facts], 'words'),
    drawParagraph('All options, and which differ from their defaults:'),
    drawTable([['Option', 'Value', ''], ...values], 'words'),
  ]
  return { id: 'settings', heading: 'Settings', content: content.join('\n') }
}

function toPercent(share: number | undefined): string {
  return share === undefined ? '' : `${(100 * share).toFixed(2)} %`
}

function showLoss(loss: number | undefined): string {
  return loss === undefined ? '' : loss.toFixed(4)
}

/** The text of what is seen inside a network: its logits, and the features that a hook keeps. */

import type { Architecture } from '../model/architecture'
import type { FeaturesEvent, LogitsEvent } from '../training/events'
import { toPercent } from './describe-evaluation'
import { drawColumns } from './table'

/** So many logits stand side by side: with ten classes, two lines for each image. */
const LOGITS_PER_LINE = 5
const INDENT = '  '

/** The first rows of the logits. */
export function describeLogits({ trained, shape, rows, labels, answers }: LogitsEvent): string {
  const network = trained ? 'Logits' : 'Logits of a network never trained'
  const shown = rows.length === 1 ? 'the first row' : `the first ${rows.length} rows`
  const cells = rows.map((row) => row.map((logit) => logit.toFixed(4)))
  const width = Math.max(...cells.flat().map((cell) => cell.length))
  const lines = cells.flatMap((row, image) => [
    `Image ${image}, label ${labels[image]}, answer ${answers[image]}:`,
    ...inLines(row.map((cell) => cell.padStart(width))),
  ])
  return `${[`${network}: shape ${showShape(shape)}, ${shown}`, ...lines].join('\n')}\n`
}

function inLines(cells: readonly string[]): string[] {
  const count = Math.ceil(cells.length / LOGITS_PER_LINE)
  return Array.from({ length: count }, (_, line) => INDENT + cells.slice(line * LOGITS_PER_LINE, (line + 1) * LOGITS_PER_LINE).join(INDENT))
}

/** The shapes, as the tutorial prints them, and for the recurrent layers how the states are spread. */
export function describeFeatures(event: FeaturesEvent): string {
  const network = event.trained ? [] : ['Features of a network never trained']
  const shapes = event.shapes.flatMap((shape, index) => {
    const line = `features[${index}].shape = ${showShape(shape)}`
    // The state after the last row, which the linear layer reads.
    const isSequence = event.module === 'basic_rnn' && index === 0
    return isSequence ? [line, `features[${index}][-1].shape = ${showShape(shape.slice(1))}`] : [line]
  })
  const table = event.steps === undefined ? [] : ['', ...drawSteps(event.steps, event.nonlinearity)]
  return `${[...network, ...shapes, ...table].join('\n')}\n`
}

function drawSteps(steps: NonNullable<FeaturesEvent['steps']>, nonlinearity: Architecture['nonlinearity']): string[] {
  const [column, ...meaning] = SATURATION[nonlinearity]
  const rows = steps.map(({ step, mean, standardDeviation, saturation }) => [
    String(step),
    ...[mean, standardDeviation].map((value) => value.toFixed(4)),
    `${toPercent(saturation)}%`,
  ])
  const title = "The top layer's states after each row of the images:"
  return [title, ...drawColumns([['Step', 'Mean', 'Std', column], ...rows]), ...meaning]
}

/** The name of the column, and what it means. */
const SATURATION = {
  tanh: ['|h|>0.99', '|h|>0.99: share of the states h where tanh is so flat', 'that they pass hardly any gradient back.'],
  relu: ['h=0', 'h=0: share of the states h that relu has cut to zero;', 'they pass no gradient back.'],
} as const

function showShape(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`
}

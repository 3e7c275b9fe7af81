import { nameOfClass } from '../data/class-names'
import { unexpected } from '../errors'
import { showShare } from './class-probabilities'
import { amountScale, drawFrame, drawHeatMap, encodeHeatMap } from './heat-map'
import { drawPicture, drawText, MARGIN, PICTURE_WIDTH, type PictureOptions, round, shorten } from './picture'
import { themeOf } from './sample-input'

/** How a confusion matrix is drawn. */
export interface ConfusionMatrixOptions extends PictureOptions {
  /** The names of the C classes. Default: their numbers. */
  classNames?: readonly string[] | undefined
}

/** More classes than that have no room for their counts. */
const COUNTED_CLASSES = 20
const MAX_CLASSES = 256

/** As the function of this name in lib/functions.ts. */
export async function plotConfusionMatrix(
  confusionMatrix: readonly (readonly number[])[],
  options: ConfusionMatrixOptions = {},
): Promise<string> {
  checkMatrix(confusionMatrix)
  const theme = themeOf(options)
  const classes = confusionMatrix.length
  const total = sum(confusionMatrix.flat())
  const right = sum(confusionMatrix.map((row, label) => row[label] as number))
  const names = confusionMatrix.map((_, label) => nameOfClass(label, options.classNames))
  const isCounted = classes <= COUNTED_CLASSES
  const { body, height } = isCounted ? drawCounts(confusionMatrix, names) : await drawMap(confusionMatrix)
  const wrong = total - right
  return drawPicture(
    {
      width: PICTURE_WIDTH,
      height,
      title: options.title ?? `What is taken for what: ${wrong} ${wrong === 1 ? 'mistake' : 'mistakes'} in ${total} images`,
      hints: isCounted
        ? [
            'Blue: right answers. Orange: mistakes, the stronger the more there are.',
            'Recall: of the images of a class, the share that is recognised. Precision: of an answer, the share that is right.',
          ]
        : ['Each line is a class, each column an answer: the stronger, the more of the class were given this answer.'],
      description: describeMatrix(confusionMatrix, names, right, total),
      body,
    },
    theme,
  )
}

function checkMatrix(matrix: readonly (readonly number[])[]): void {
  const size = Array.isArray(matrix) ? matrix.length : 0
  const isCount = (count: unknown) => Number.isSafeInteger(count) && (count as number) >= 0
  const isRow = (row: unknown) => Array.isArray(row) && row.length === size && row.every(isCount)
  if (size >= 1 && size <= MAX_CLASSES && matrix.every(isRow)) return
  throw unexpected('ERR_INVALID_ARGUMENT', 'confusionMatrix', `a square of counts for 1 to ${MAX_CLASSES} classes`, matrix)
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

function drawCounts(matrix: readonly (readonly number[])[], names: readonly string[]): { body: string; height: number } {
  const classes = matrix.length
  const cell = Math.min(64, Math.floor(440 / classes))
  const [left, top, row] = [MARGIN + 110, 44, Math.min(cell, 36)]
  const columnSums = names.map((_, column) => sum(matrix.map((counts) => counts[column] as number)))
  const most = Math.max(1, ...matrix.flatMap((counts, label) => counts.filter((_, column) => column !== label)))
  const size = classes > 14 ? 9 : 11
  const short = (name: string) => shorten(name, Math.max(2, Math.floor(cell / 6.5)))
  const parts = [drawText('answer', { x: left + (classes * cell) / 2, y: top - 26, anchor: 'middle', className: 'muted' })]
  parts.push(drawText('label', { x: left - 10, y: top - 8, anchor: 'end', className: 'muted' }))
  for (const [label, counts] of matrix.entries()) {
    const [y, baseline] = [top + label * row, top + (label + 0.5) * row + 4]
    const support = sum(counts)
    parts.push(drawText(shorten(names[label] as string, 16), { x: left - 10, y: baseline, anchor: 'end', weight: 600 }))
    parts.push(drawText(short(names[label] as string), { x: left + (label + 0.5) * cell, y: top - 8, anchor: 'middle', weight: 600 }))
    for (const [column, count] of counts.entries()) {
      if (count === 0) continue
      const isRight = column === label
      // The few mistakes beside the many right answers would be invisible on the same scale; the root shows single ones, too.
      const opacity = isRight ? 0.15 + (0.55 * count) / support : 0.15 + 0.75 * Math.sqrt(count / most)
      const x = left + column * cell
      parts.push(
        `<rect class="${isRight ? 'cold' : 'warm'}" x="${x + 1}" y="${y + 1}" width="${cell - 2}" height="${row - 2}" rx="2" fill-opacity="${round(opacity)}"/>`,
      )
      parts.push(drawText(String(count), { x: x + cell / 2, y: baseline, anchor: 'middle', size }))
    }
    const recall = support === 0 ? '' : showShare((counts[label] as number) / support)
    parts.push(drawText(recall, { x: left + classes * cell + 46, y: baseline, anchor: 'end' }))
  }
  const bottom = top + classes * row
  parts.push(drawText('recall', { x: left + classes * cell + 46, y: top - 8, anchor: 'end', className: 'muted' }))
  parts.push(drawText('precision', { x: left - 10, y: bottom + 20, anchor: 'end', className: 'muted' }))
  for (const [column, count] of columnSums.entries()) {
    const precision = count === 0 ? '' : showShare((matrix[column]?.[column] as number) / count)
    parts.push(
      drawText(classes > 12 ? precision.replace(' %', '') : precision, {
        x: left + (column + 0.5) * cell,
        y: bottom + 20,
        anchor: 'middle',
        size,
      }),
    )
  }
  parts.push(drawFrame({ x: left, y: top, width: classes * cell, height: classes * row }))
  return { body: parts.join(''), height: bottom + 40 }
}

async function drawMap(matrix: readonly (readonly number[])[]): Promise<{ body: string; height: number }> {
  const classes = matrix.length
  const shares = matrix.map((counts) => counts.map((count) => count / Math.max(1, sum(counts))))
  const grid = { rows: classes, columns: classes, values: shares.flat() }
  const side = 512
  const box = { x: MARGIN + 44, y: 20, width: side, height: side }
  const axes = { xLabel: 'answer (class, from 1)', yLabel: 'label (class, from 1)' }
  return { body: drawHeatMap(await encodeHeatMap(grid, amountScale(1)), grid, box, axes), height: side + 70 }
}

function describeMatrix(matrix: readonly (readonly number[])[], names: readonly string[], right: number, total: number): string {
  const mistakes = matrix.flatMap((counts, label) =>
    counts.flatMap((count, answer) => (count > 0 && answer !== label ? [{ label, answer, count }] : [])),
  )
  const worst = mistakes.sort((one, other) => other.count - one.count).slice(0, 5)
  const shown = worst.map(
    ({ label, answer, count }) =>
      `${shorten(names[label] ?? '', 20)} taken for ${shorten(names[answer] ?? '', 20)} ${count === 1 ? 'once' : `${count} times`}`,
  )
  const most = shown.length === 0 ? 'There are no mistakes' : `Most often: ${shown.join(', ')}`
  return `${right} of ${total} images are recognised. ${most}.`
}

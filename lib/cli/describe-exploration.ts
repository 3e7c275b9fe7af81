import type { ExploreEvent } from '../training/events'

/** A heading and a cell for each part of the data. */
type Row = readonly [string, string, string]

/** Wide enough for the longest heading and for any count. */
const HEADING_COLUMNS = 20
const CELL_COLUMNS = 12

/** The result of `explore` as tables, narrower than 60 columns. */
export function describeExploration({ classes, pixels, file, samples, imageShape }: ExploreEvent): string {
  const { train, test } = pixels
  const total = (part: 'trainSamples' | 'testSamples') => String(classes.reduce((sum, entry) => sum + entry[part], 0))
  const rows: Row[] = [
    ['Class', 'Training', 'Test'],
    ...classes.map(({ label, trainSamples, testSamples }): Row => [String(label), String(trainSamples), String(testSamples)]),
    ['All', total('trainSamples'), total('testSamples')],
    ['', '', ''],
    ['Pixels, from 0 to 1', 'Training', 'Test'],
    ['Mean', train.mean.toFixed(4), test.mean.toFixed(4)],
    ['Standard deviation', train.standardDeviation.toFixed(4), test.standardDeviation.toFixed(4)],
    ['Minimum', train.minimum.toFixed(4), test.minimum.toFixed(4)],
    ['Maximum', train.maximum.toFixed(4), test.maximum.toFixed(4)],
  ]
  const images = samples.length === 1 ? 'One image' : `${samples.length} images`
  return `${rows.map(drawRow).join('')}\n${images} of ${imageShape.join(' x ')} pixels: ${file}\n`
}

function drawRow([heading, ...cells]: Row): string {
  return `${heading.padEnd(HEADING_COLUMNS)}${cells.map((cell) => cell.padStart(CELL_COLUMNS)).join('')}`.trimEnd().concat('\n')
}

/** Data sets of the user's own: other sizes, other classes, other names, compressed or not, through all commands. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { eventsOfType, linesOf, useCommandLine } from '../support/command-line'
import { idxFile } from '../support/idx-file'
import { TINY_NETWORK } from '../support/tiny-mnist'

const { path, succeed } = useCommandLine()

const [ROWS, COLUMNS, CLASSES] = [20, 31, 26]

function writeLetters(separator: string, isCompressed: boolean): void {
  mkdirSync(path('letters'))
  const write = (name: string, content: Buffer) =>
    writeFileSync(path('letters', `${name}${isCompressed ? '.gz' : ''}`), isCompressed ? gzipSync(content) : content)
  for (const [part, count] of [
    ['train', 60],
    ['t10k', 40],
  ] as const) {
    const pixels = Array.from({ length: count * ROWS * COLUMNS }, (_, index) => (index * 7) % 256)
    const labels = Array.from({ length: count }, (_, index) => index % CLASSES)
    write(`${part}-images${separator}idx3-ubyte`, idxFile([count, ROWS, COLUMNS], pixels))
    write(`${part}-labels${separator}idx1-ubyte`, idxFile([count], labels))
  }
}

test.each([
  ['-', false],
  ['-', true],
  ['.', false],
  ['.', true],
])('with %p before idx, compressed: %p', async (separator, isCompressed) => {
  writeLetters(separator, isCompressed)
  const data = ['--data', 'letters']
  const trained = await succeed(['train', ...data, ...TINY_NETWORK, '--epochs', '1', '--json'])
  expect(eventsOfType(trained, 'start')).toMatchObject([{ options: { inputSize: COLUMNS, numClasses: CLASSES }, trainSamples: 60 }])

  const evaluated = linesOf(await succeed(['evaluate', ...data]))
  expect(evaluated.filter((line) => line.length > 60)).toEqual([])
  expect(evaluated.filter((line) => /^ +\d+( +[01]\.\d{4}){3} +[12]$/.test(line))).toHaveLength(CLASSES)

  const [logits] = eventsOfType(await succeed(['forward', ...data, '--json']), 'logits')
  expect(logits?.shape).toEqual([40, CLASSES])
  const [features] = eventsOfType(await succeed(['hook', ...data, '--json']), 'features')
  expect(features?.shapes[0]).toEqual([ROWS, 40, 16])
  expect(features?.steps).toHaveLength(ROWS)
  const [explored] = eventsOfType(await succeed(['explore', ...data, '--json']), 'explore')
  expect(explored).toMatchObject({ imageShape: [ROWS, COLUMNS] })
  expect(explored?.classes).toHaveLength(CLASSES)
})

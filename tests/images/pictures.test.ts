/** The model of this package reads the committed pictures: fixtures/pictures has them, and their generator. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { ImageRNN, readDigits } from '../../lib'
import { REPOSITORY } from '../support/run-program'

const PICTURES = join(REPOSITORY, 'tests', 'fixtures', 'pictures')

/** The pictures of a set that are not read as their one digit, and how many there are. */
async function misread(set: string) {
  using model = await ImageRNN.loadBundled({ threads: 1 })
  const files = readdirSync(join(PICTURES, set))
  const wrong: string[] = []
  for (const file of files) {
    const digits = await readDigits(join(PICTURES, set, file))
    const answers = digits.boxes.length === 0 ? [] : Array.from((await model.predict(digits)).classes)
    if (answers.join() !== file[0]) wrong.push(`${file}: ${answers.join(' and ') || 'nothing'}`)
  }
  return { count: files.length, wrong }
}

test.each([
  ['upright', 100, 95],
  ['turned', 100, 85],
  ['photos', 60, 90],
])(
  '%s: of %i pictures, at least %i %% are read',
  async (set, pictures, percent) => {
    const { count, wrong } = await misread(set)
    expect(count).toBe(pictures)
    // A failure names the pictures.
    expect(wrong.length <= count * (1 - percent / 100) ? [] : wrong).toEqual([])
  },
  60_000,
)

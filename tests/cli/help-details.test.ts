/** What `--help` says after the flags fits the terminal. */
import { fitDetails } from '../../lib/cli/help-details'
import { MAIN } from '../support/command-line'
import { runNode } from '../support/run-program'

const DETAILS = `
Pictures:
  states    the hidden states while it reads an image: a heat map for each layer

Examples:
  rnn-mnist-train plot curves      the newest run
  rnn-mnist-train plot states --theme dark
  rnn-mnist-train plot weights     of the model of the newest run, light and dark

The images are those of --data, else those of the run, and
only some pictures need libtorch.`

test('a wide terminal shows lists and examples as they are, and paragraphs in long lines', () => {
  const paragraph = 'The images are those of --data, else those of the run, and only some pictures need libtorch.'
  expect(fitDetails(DETAILS, 100)).toBe(`${DETAILS.slice(0, DETAILS.indexOf('The images'))}${paragraph}`)
})

test('a narrow one breaks texts where they begin, and puts remarks below their examples, which stay whole', () => {
  expect(fitDetails(DETAILS, 40)).toBe(`
Pictures:
  states    the hidden states while it
            reads an image: a heat map
            for each layer

Examples:
  rnn-mnist-train plot curves
      the newest run
  rnn-mnist-train plot states --theme dark
  rnn-mnist-train plot weights
      of the model of the newest run,
      light and dark

The images are those of --data, else
those of the run, and only some pictures
need libtorch.`)
})

test.each(['train', 'predict', 'serve', 'plot', 'runs', 'runs report', 'search', 'hook', 'export', 'doctor'])(
  'the help of %s has no line of more than 80 characters but commands to copy',
  async (command) => {
    const { stdout } = await runNode([MAIN, ...command.split(' '), '--help'])
    expect(stdout).toContain('Examples:')
    const long = stdout.split('\n').filter((line) => line.length > 80)
    expect(long.filter((line) => !/^ {2}rnn-mnist-train \S.*\S$/.test(line) || / {3}/.test(line.trimStart()))).toEqual([])
  },
)

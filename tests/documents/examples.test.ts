/**
 * Every command line example in `--help` and in the README runs and prints something. The shell runs them unchanged, except that a tiny data
 * set replaces MNIST, and one epoch replaces ten.
 */
import { chmodSync, copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import sharp from 'sharp'
import { MAIN, TINY_DATA, TINY_RUN } from '../support/command-line'
import { REPOSITORY, runCommand, runNode } from '../support/run-program'
import { writeSampleRun } from '../support/sample-runs'
import { useSharedTemporaryFolder, useTemporaryFolder } from '../support/temporary-folder'
import { writeTinyMnist } from '../support/tiny-mnist'

const prepared = useSharedTemporaryFolder()
const path = useTemporaryFolder()

const PROGRAM = 'rnn-mnist-train'
const PICTURES = join(REPOSITORY, 'tests', 'fixtures', 'pictures')
/** Those that read images. */
const WITH_DATA = ['train', 'lr-find', 'evaluate', 'explore', 'forward', 'hook', 'plot', 'search', 'doctor']
/**
 * Except completion, whose help has lines for the start-up files of shells (completion.test.ts tests its scripts), and build, which
 * compiles (the package tests cover it), and serve, which runs until it is ended (tests/server).
 */
const COMMANDS = [
  ...WITH_DATA,
  'predict',
  'summary',
  'export',
  'runs list',
  'runs show',
  'runs compare',
  'runs export',
  'runs report',
  'runs',
]
/** The runs that examples name. */
const RUNS = ['runs/small', 'runs/large', 'runs/2026-11-24T21-25-08Z', 'elsewhere/run', 'elsewhere/b', 'runs/a', 'runs/c']
const EXAMPLE = new RegExp(`^  (${PROGRAM}(?: .*?)?)(?:   .*)?$`, 'gm')

/** The examples in a command's help: lines that start with two spaces and the program; a remark may follow after three or more spaces. */
async function helpExamples(command: string): Promise<string[]> {
  const { stdout } = await runNode([MAIN, ...command.split(' '), '--help'])
  return Array.from(stdout.matchAll(EXAMPLE), (match) => (match[1] as string).trimEnd())
}

/** The examples in the README, which run through npm. */
function readmeExamples(): string[] {
  const readme = readFileSync(join(REPOSITORY, 'README.md'), 'utf8')
  const lines = readme.matchAll(/^npm run (?:--silent )?train -- (.*?)(?: {2,}# .*)?$/gm)
  const examples = Array.from(lines, (match) => `${PROGRAM} ${match[1]}`.trimEnd())
  return examples.filter((example) => example !== `${PROGRAM} serve`)
}

/** The same example with little data and one epoch. */
function small(example: string): string {
  const [call = '', ...pipe] = example.split(' | ')
  const command = COMMANDS.find((name) => call.startsWith(`${PROGRAM} ${name}`)) ?? 'train'
  const data = WITH_DATA.includes(command) && !call.includes('--data') ? ` ${TINY_DATA.join(' ')}` : ''
  const lengths: Readonly<Record<string, string>> = {
    train: ' --epochs 1 --device cpu',
    'lr-find': ' --steps 20 --device cpu',
    search: ' --trials 3 --epochs 3 --device cpu',
  }
  const epochs = lengths[command] ?? ''
  return [`${call}${data}${epochs}`, ...pipe].join(' | ')
}

/** A folder with everything that the examples name: a run, saved models, data folders, and the program. */
async function prepareFolder(): Promise<void> {
  writeTinyMnist(prepared('data'))
  for (const name of ['fashion', 'folder-with-idx-files']) symlinkSync('data', prepared(name))
  const fixtures = join(REPOSITORY, 'tests', 'fixtures', 'data')
  for (const name of ['pictures', 'emnist']) cpSync(join(fixtures, name), prepared(name), { recursive: true })
  copyFileSync(join(fixtures, 'csv', 'digit-recognizer', 'train.csv'), prepared('digits.csv'))
  for (const name of RUNS) await writeSampleRun(prepared(name))
  // Trained last: its model is what examples take that name none.
  const training = [...TINY_RUN, '--epochs', '1', '--run', 'runs/long', '--output', 'digits.safetensors']
  expect(await runNode([MAIN, ...training], { cwd: prepared() })).toMatchObject({ code: 0 })
  for (const name of ['model.safetensors', 'fashion.safetensors']) copyFileSync(prepared('digits.safetensors'), prepared(name))
  await writePictures()
  writeFileSync(prepared(PROGRAM), `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`)
  chmodSync(prepared(PROGRAM), 0o755)
}

/** Any pictures: the small network reads nothing right. */
async function writePictures(): Promise<void> {
  mkdirSync(prepared('scans'))
  copyFileSync(join(PICTURES, 'photos', readdirSync(join(PICTURES, 'photos'))[0] as string), prepared('photo.jpg'))
  copyFileSync(join(PICTURES, 'upright', readdirSync(join(PICTURES, 'upright'))[0] as string), prepared('scans', 'page.png'))
  await sharp(new Uint8Array(28 * 28).fill(9), { raw: { width: 28, height: 28, channels: 1 } })
    .png()
    .toFile(prepared('shirt.png'))
}

async function expectToRun(example: string): Promise<void> {
  // sh has no pipefail, but errors appear on stderr in any case.
  const env = { PATH: `${path()}${delimiter}${process.env['PATH']}` }
  const { code, stdout, stderr } = await runCommand('sh', ['-c', small(example)], { cwd: path(), env })
  const trouble = stderr.split('\n').filter((line) => /error|warning/i.test(line))
  expect({ example, code, trouble }).toEqual({ example, code: 0, trouble: [] })
  expect([example, stdout.trim()]).not.toEqual([example, ''])
}

beforeAll(prepareFolder)
beforeEach(() => cpSync(prepared(), path(), { recursive: true, verbatimSymlinks: true, preserveTimestamps: true }))

test.each(COMMANDS)(
  'those of %s --help',
  async (command) => {
    const examples = await helpExamples(command)
    expect(examples.length).toBeGreaterThan(1)
    for (const example of examples) await expectToRun(example)
  },
  120_000,
)

test('those of the README', async () => {
  const examples = readmeExamples()
  expect(examples.length).toBeGreaterThan(5)
  for (const example of examples) await expectToRun(example)
}, 120_000)

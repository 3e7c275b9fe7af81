/** Where a trained model is saved when its own place fails: full disks, vanished and unwritable folders. */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readModelFile } from '../../lib/model/model-file'
import { eventsOfType, lastEvent, linesOf, MAIN, TINY_DATA, TINY_RUN, useCommandLine } from '../support/command-line'
import { onSmallDisk, PAGE, testOnSmallDisk } from '../support/full-disk'
import { idxFile } from '../support/idx-file'
import { ORDINARY_USER, testAsOrdinaryUser } from '../support/ordinary-user'
import { REPOSITORY, runCommand } from '../support/run-program'
import { CTRL_C, CTRL_D, type Typed, terminalCommand } from '../support/terminal'
import { TINY_TRAIN_SAMPLES } from '../support/tiny-mnist'

const { path, run, start, succeed } = useCommandLine()

beforeEach(() => mkdirSync(path('disk')))

/** A model of several pages, whatever the page size. Without checkpoints: here it is about the model. */
const LARGE_RUN = [...TINY_RUN, '--hidden-size', '200', '--checkpoint-every', 'none']
const TRAIN = [...LARGE_RUN, '--epochs', '1']
const EVENT_FILE = expect.stringMatching(/^events\.out\.tfevents\./)
/** What a run leaves that was not completed, and so has no model card. */
const RUN_FILES = ['config.json', EVENT_FILE, 'metrics.csv', 'metrics.jsonl', 'model.safetensors', 'timing.jsonl']
/** What a run leaves that failed before its first epoch was logged: one line says why. */
const EARLY_FILES = ['config.json', 'timing.jsonl']
const RESCUED = /^torch-rnn-mnist-[0-9a-f]{16}\.safetensors$/
const FULL = 'the disk is full (ENOSPC). Free some space or choose another disk.'

/** The files that an undisturbed training leaves. */
async function undisturbed(args: readonly string[]): Promise<Buffer> {
  await succeed([...args, '--run', 'undisturbed'])
  return readFileSync(path('undisturbed', 'model.safetensors'))
}

/** Pages for the lock of the run, which is there as long as it runs. */
const LOCK = 1

/** The number of pages for a number of bytes. */
const pagesOf = (bytes: number) => Math.ceil(bytes / PAGE)

/** Runs a command with a disk of so many pages in the folder `disk`. Returns what is on the disk at the end. */
async function withSmallDisk(pages: number, program: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const [command, ...args] = onSmallDisk(path('disk'), pages, program)
  const { stderr, ...outcome } = await runCommand(command, args, { cwd: path(), env: { TORCH_RNN_MNIST_CUDA: '0', ...env } })
  const left = readdirSync(path('disk.left'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return {
    ...outcome,
    messages: stderr.split('\n').slice(0, -1),
    left: left.map(({ name }) => name).sort(),
  }
}

function runOnSmallDisk(pages: number, args: readonly string[]) {
  return withSmallDisk(pages, [process.execPath, MAIN, ...args])
}

/** The model that was saved under a new name in a folder. */
function rescuedIn(...folder: string[]): string {
  const names = readdirSync(path(...folder)).filter((name) => RESCUED.test(name))
  expect(names).toHaveLength(1)
  return names[0] as string
}

describe('on a disk that becomes full', () => {
  testOnSmallDisk('the model does not fit: it is saved in the current folder', async () => {
    const model = await undisturbed(TRAIN)
    const { code, messages, left } = await runOnSmallDisk(LOCK + 2, [...TRAIN, '--run', join('disk', 'run')])
    expect(code).toBe(1)
    const rescued = rescuedIn()
    expect(messages).toEqual([
      `Warning: The model as it is now was saved to ${rescued}.`,
      `Error: Cannot write ${join('disk', 'run', 'model.safetensors')}: ${FULL}`,
    ])
    expect(left).toEqual(EARLY_FILES)
    expect(readFileSync(path(rescued)).equals(model)).toBe(true)
  })

  testOnSmallDisk('there is no room for the model of a second epoch: the first one stays, the second is saved elsewhere', async () => {
    const model = await undisturbed([...LARGE_RUN, '--epochs', '2'])
    const pages = LOCK + 5 + 2 * pagesOf(model.length) - 1 // Configuration, two files of metrics, times, TensorBoard's file, a model.
    const args = [...LARGE_RUN, '--epochs', '3', '--run', join('disk', 'run'), '--json']
    const { code, stdout, left } = await runOnSmallDisk(pages, args)
    expect(code).toBe(1)
    const rescued = rescuedIn()
    expect(left).toEqual(RUN_FILES)
    expect(readFileSync(path(rescued)).equals(model)).toBe(true)
    expect(eventsOfType(stdout, 'model').at(-1)).toEqual({ type: 'model', epoch: 2, file: rescued })
    expect(eventsOfType(stdout, 'warning')).toEqual([
      { type: 'warning', message: `Training ended early. The model as it is now was saved to ${rescued}.` },
    ])
    expect(lastEvent(stdout, 'error')).toMatchObject({ code: 'ERR_FILE_SYSTEM', message: expect.stringContaining(FULL) })
  })

  testOnSmallDisk('the metrics do not fit: the model of the run is whole, and half a line is not left', async () => {
    const model = await undisturbed(TRAIN)
    const { code, messages, left } = await runOnSmallDisk(LOCK + 2 + pagesOf(model.length), [...TRAIN, '--run', join('disk', 'run')])
    expect(code).toBe(1)
    expect(messages).toEqual([
      `Warning: The model as it is now was saved to ${join('disk', 'run', 'model.safetensors')}.`,
      `Error: Cannot write ${join('disk', 'run', 'metrics.jsonl')}: ${FULL}`,
    ])
    expect(left).toEqual(['config.json', 'metrics.csv', 'model.safetensors'])
  })

  testOnSmallDisk.each([
    [4, 'file for TensorBoard', /events\.out\.tfevents\.[^:]+/],
    [5, 'model card', /README\.md/],
  ])('with %i pages besides the model, the %s does not fit: the model of the run is whole', async (pages, _, name) => {
    const model = await undisturbed(TRAIN)
    const { code, messages } = await runOnSmallDisk(LOCK + pages + pagesOf(model.length), [...TRAIN, '--run', join('disk', 'run')])
    expect(code).toBe(1)
    expect(messages).toEqual([
      `Warning: The model as it is now was saved to ${join('disk', 'run', 'model.safetensors')}.`,
      expect.stringMatching(new RegExp(`^Error: Cannot write disk.run.${name.source}: ${FULL.replaceAll(/[().]/g, '.')}$`)),
    ])
    expect(readFileSync(path('disk.left', 'run', 'model.safetensors')).equals(model)).toBe(true)
  })

  testOnSmallDisk('the result does not fit: the model of the run is whole, and half a line is not left', async () => {
    // With 256 classes, the confusion matrix takes more than the rest of any page.
    rmSync(path('data', 'train-labels-idx1-ubyte.gz'))
    const labels = Array.from({ length: TINY_TRAIN_SAMPLES }, (_, index) => index % 256)
    writeFileSync(path('data', 'train-labels-idx1-ubyte'), idxFile([labels.length], labels))
    const model = await undisturbed(TRAIN)
    const outcome = await runOnSmallDisk(LOCK + 5 + pagesOf(model.length), [...TRAIN, '--run', join('disk', 'run')])
    expect(outcome).toMatchObject({ code: 1, stdout: expect.stringMatching(/^Test Loss/m), left: RUN_FILES })
    expect(outcome.messages).toEqual([
      `Warning: The model as it is now was saved to ${join('disk', 'run', 'model.safetensors')}.`,
      `Error: Cannot write ${join('disk', 'run', 'metrics.jsonl')}: ${FULL}`,
    ])
    expect(readFileSync(path('disk.left', 'run', 'model.safetensors')).equals(model)).toBe(true)
    const metrics = linesOf(readFileSync(path('disk.left', 'run', 'metrics.jsonl'), 'utf8'))
    expect(metrics).toEqual([expect.stringMatching(/^\{"type":"epoch",.*\}$/)])
  })

  testOnSmallDisk('a second checkpoint does not fit: the first one is whole, and the run goes on from it where there is room', async () => {
    const args = [...TINY_RUN, '--hidden-size', '200', '--epochs', '2']
    await succeed([...args, '--run', 'whole'])
    const [model, checkpoint] = ['model', 'checkpoints/best'].map((name) => readFileSync(path('whole', `${name}.safetensors`)).length)
    // Two locks; configuration, two files of metrics, times, events; a model and room for the next one; the checkpoint and the best one.
    const pages = 2 * LOCK + 5 + 2 * pagesOf(model as number) + 2 * pagesOf(checkpoint as number)
    const { code, messages, left } = await runOnSmallDisk(pages, [...args, '--run', join('disk', 'run')])
    expect(code).toBe(1)
    const run = join('disk', 'run')
    expect(messages).toEqual([
      `Warning: The model as it is now was saved to ${join(run, 'model.safetensors')}. Go on with: rnn-mnist-train --resume --run ${run}`,
      `Error: Cannot write ${join(run, 'checkpoints', 'epoch-00002.safetensors')}: ${FULL}`,
    ])
    expect(left).toEqual(['best.safetensors', ...RUN_FILES.slice(0, 1), 'epoch-00001.safetensors', ...RUN_FILES.slice(1)])
    await succeed(['--resume', '--run', join('disk.left', 'run'), '--quiet'])
    for (const name of ['metrics.jsonl', 'model.safetensors']) {
      expect(readFileSync(path('disk.left', 'run', name)).equals(readFileSync(path('whole', name)))).toBe(true)
    }
  })

  testOnSmallDisk('not even the lock fits: nothing is trained, no folder of a run is left', async () => {
    const fill = `head -c ${PAGE} /dev/zero > disk/filled; exec "$@"`
    const program = [process.execPath, MAIN, ...TRAIN, '--run', join('disk', 'run')]
    const { code, stdout, messages } = await withSmallDisk(1, ['sh', '-c', fill, 'sh', ...program])
    expect({ code, stdout, messages }).toEqual({
      ...{ code: 1, stdout: '' },
      messages: [`Error: Cannot write ${join('disk', 'run', 'run.lock')}: ${FULL}`],
    })
    expect(readdirSync(path('disk.left'))).toEqual(['filled'])
  })

  testOnSmallDisk('the --output does not fit: the model of the run is safe', async () => {
    const { code, messages, left } = await runOnSmallDisk(1, [...TRAIN, '--run', 'run', '--output', join('disk', 'copy')])
    expect({ code, left }).toEqual({ code: 1, left: [] })
    const model = join('run', 'model.safetensors')
    expect(messages).toEqual([
      `Warning: The model as it is now was saved to ${model}.`,
      `Error: Cannot write ${join('disk', 'copy')}: ${FULL}`,
    ])
    await succeed(['evaluate', ...TINY_DATA, '--model', model])
  })

  describe('with all places on the full disk', () => {
    const data = [...TRAIN, '--data', join('..', 'data'), '--run', 'run']

    /** Trains with the disk as current, temporary and home folder, unless others are given. */
    function runInside(places: { TMPDIR?: string; HOME?: string } = {}) {
      const env = { HOME: path('disk'), TMPDIR: path('disk'), ...places }
      return withSmallDisk(LOCK + 2, ['env', '-C', path('disk'), process.execPath, MAIN, ...data], env)
    }

    testOnSmallDisk.each(['TMPDIR', 'HOME'])('except %s: the model is saved there', async (name) => {
      mkdirSync(path('other'))
      const { code, messages, left } = await runInside({ [name]: path('other') })
      expect({ code, left }).toEqual({ code: 1, left: EARLY_FILES })
      expect(messages[0]).toBe(`Warning: The model as it is now was saved to ${path('other', rescuedIn('other'))}.`)
    })

    testOnSmallDisk('the error says that the model is lost, and which places were tried', async () => {
      const { code, messages, left } = await runInside({ TMPDIR: '/proc', HOME: path('nowhere') })
      expect({ code, left }).toEqual({ code: 1, left: EARLY_FILES })
      expect(messages).toHaveLength(1)
      const [error, places = ''] = (messages[0] as string).split(' The model is lost. It could not be saved to any of ')
      expect(error).toBe(`Error: Cannot write ${join('run', 'model.safetensors')}: ${FULL}`)
      const file = 'torch-rnn-mnist-\\w+\\.safetensors'
      expect(places).toMatch(
        new RegExp(
          `^run/model\\.safetensors \\(the disk is full\\), ${file} \\(the disk is full\\), /proc/${file} \\(.*\\), ${path('nowhere')}/${file} \\(its folder does not exist\\)\\.$`,
        ),
      )
    })

    /** Trains in a terminal. Returns the lines of the screen. */
    async function train(typed: readonly Typed[], more: readonly string[] = []) {
      const program = ['env', '-C', path('disk'), ...terminalCommand([process.execPath, MAIN, ...data, ...more], typed)]
      const { stdout, ...outcome } = await withSmallDisk(LOCK + 2, program, { TERM: 'dumb', HOME: path('disk'), TMPDIR: path('disk') })
      return { ...outcome, screen: stdout.replaceAll('\r', '') }
    }
    const QUESTION = 'Where else\\?.*: '

    testOnSmallDisk('a user at a terminal is asked until a place takes the model', async () => {
      writeFileSync(path('taken'), 'precious')
      const { code, screen, left } = await train([
        [QUESTION, `${join('..', 'taken')}\r`],
        [`exists already[\\s\\S]*${QUESTION}`, `${'x'.repeat(300)}\r`],
        [`the name is too long[\\s\\S]*${QUESTION}`, `${join('nowhere', 'model')}\r`],
        [QUESTION, `${join('..', 'model')}\r`],
      ])
      expect(screen).toContain('Cannot write nowhere/model: its folder does not exist')
      expect(screen).toContain('The model as it is now was saved to ../model.')
      expect({ code, left }).toEqual({ code: 1, left: EARLY_FILES })
      expect(readFileSync(path('taken'), 'utf8')).toBe('precious')
      expect(readFileSync(path('model')).equals(await undisturbed(TRAIN))).toBe(true)
    })

    testOnSmallDisk('a folder is an answer, too', async () => {
      const { screen } = await train([[QUESTION, '..\r']])
      expect(screen).toContain(`The model as it is now was saved to ${join('..', rescuedIn())}.`)
    })

    testOnSmallDisk('Ctrl-C while training asks, too, and ends with its own exit code', async () => {
      const slow = ['--hidden-size', '1000', '--num-layers', '2', '--batch-size', '1', '--log-interval', '1']
      const { code, screen, left } = await train(
        [
          [' loss ', CTRL_C],
          [QUESTION, CTRL_C],
        ],
        slow,
      )
      expect(screen).toMatch(/Error: Interrupted by SIGINT\. The model is lost\. It could not be saved to any of run/)
      expect({ code, left }).toEqual({ code: 130, left: EARLY_FILES })
    })

    testOnSmallDisk.each([
      ['an empty answer', '\r'],
      ['Ctrl-C', CTRL_C],
      ['the end of the input', CTRL_D],
    ])('%s gives the model up', async (_, keys) => {
      const { code, screen, left } = await train([[QUESTION, keys]])
      expect(screen).toMatch(/Error: Cannot write run\/model\.safetensors: the disk is full .* The model is lost\./)
      expect({ code, left }).toEqual({ code: 1, left: EARLY_FILES })
    })
  })
})

describe('the folder of the run', () => {
  const MODEL = join('run', 'model.safetensors')

  test('vanishes while training: the model is saved in the current folder', async () => {
    const program = start([...TINY_RUN, '--epochs', '1000000', '--run', 'run'])
    await program.line(/^Epoch : 00 /)
    renameSync(path('run'), path('elsewhere'))
    const { code, stderr } = await program.ended
    expect(code).toBe(1)
    const rescued = rescuedIn()
    expect(linesOf(stderr)).toEqual([
      `Warning: Training ended early. The model as it is now was saved to ${rescued}.`,
      expect.stringMatching(/^Error: Cannot write run.*: its folder does not exist \(ENOENT\)\. Create the folder first\.$/),
    ])
    expect(existsSync(path('run'))).toBe(false)
    await succeed(['evaluate', ...TINY_DATA, '--model', rescued])
  })

  testAsOrdinaryUser('may not be written any more: so too', async () => {
    const program = start([...TINY_RUN, '--epochs', '1000000', '--run', 'run'], ORDINARY_USER)
    await program.line(/^Epoch : 01 /) // The model of the epoch before is there.
    chmodSync(path('run'), 0o555)
    const { code, stderr } = await program.ended
    chmodSync(path('run'), 0o755)
    expect(code).toBe(1)
    const rescued = rescuedIn()
    expect(linesOf(stderr)).toEqual([
      `Warning: Training ended early. The model as it is now was saved to ${rescued}. Go on with: rnn-mnist-train --resume --run run`,
      expect.stringMatching(/^Error: Cannot write run.*: permission denied \(EACCES\)\. Check its owner and permissions/),
    ])
    await succeed(['evaluate', ...TINY_DATA, '--model', rescued])
    await succeed(['evaluate', ...TINY_DATA, '--model', MODEL]) // Of an epoch before.
  })

  testAsOrdinaryUser('cannot be made: nothing is trained', async () => {
    chmodSync(path(), 0o555)
    const { code, stdout, stderr } = await run([...TRAIN, '--run', 'run'], ORDINARY_USER)
    chmodSync(path(), 0o755)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(linesOf(stderr)).toEqual([expect.stringMatching(/^Error: Cannot write run: permission denied \(EACCES\)/)])
  })
})

test('a mistake in this package that costs the model stays one: it is no error of the file system', async () => {
  const dist = (...names: string[]) => JSON.stringify(join(REPOSITORY, 'dist', ...names))
  const preload = `
    const { RunFolder } = require(${dist('runs', 'run-folder.js')})
    const { ImageRNN } = require(${dist('model', 'image-rnn.js')})
    const { TorchRnnError } = require(${dist('errors.js')})
    RunFolder.prototype.addEpoch = () => { throw new TypeError('a mistake') }
    const { save } = ImageRNN.prototype
    let saves = 0
    ImageRNN.prototype.save = function (place) {
      saves += 1
      if (saves === 1) return save.call(this, place).then(() => require('node:fs').rmSync(place))
      throw new TorchRnnError('ERR_FILE_SYSTEM', 'full', { actual: 'the disk is full' })
    }`
  writeFileSync(path('preload.cjs'), preload)
  const env = { NODE_OPTIONS: `--require=${path('preload.cjs')}` }
  const { code, stdout } = await run([...TRAIN, '--run', 'run', '--json'], { env })
  expect(code).toBe(1)
  const { detail, ...error } = lastEvent(stdout, 'error')
  expect(error).toEqual({
    ...{ type: 'error', code: 'ERR_INTERNAL' },
    message: expect.stringMatching(/^a mistake\. The model is lost\. It could not be saved to any of run/),
  })
  expect(detail).toMatch(/TypeError: a mistake\n +at .*preload\.cjs/)
})

test('the best epoch, to which early stopping goes back, is rescued when the file of the run cannot take it', async () => {
  const dist = (...names: string[]) => JSON.stringify(join(REPOSITORY, 'dist', ...names))
  const preload = `
    const { ImageRNN } = require(${dist('model', 'image-rnn.js')})
    const { TorchRnnError } = require(${dist('errors.js')})
    const { save, train } = ImageRNN.prototype
    let isTrained = false
    ImageRNN.prototype.train = async function (...options) {
      const history = await train.apply(this, options)
      isTrained = true
      return history
    }
    ImageRNN.prototype.save = function (place) {
      if (!isTrained || !place.endsWith('model.safetensors')) return save.call(this, place)
      throw new TorchRnnError('ERR_FILE_SYSTEM', 'full', { actual: 'the disk is full' })
    }`
  writeFileSync(path('preload.cjs'), preload)
  const env = { NODE_OPTIONS: `--require=${path('preload.cjs')}` }
  const stopping = ['--epochs', '60', '--learning-rate', '0.1', '--validation-split', '100', '--early-stopping-patience', '2']
  const { code, stdout } = await run([...TINY_RUN, ...stopping, '--run', 'run', '--json'], { env })
  expect(code).toBe(1)
  const rescued = rescuedIn()
  const epochs = eventsOfType(stdout, 'epoch').length
  expect(eventsOfType(stdout, 'model').at(-1)).toEqual({ type: 'model', epoch: epochs - 2, file: rescued })
  const [found, best] = await Promise.all([rescued, 'run/checkpoints/best.safetensors'].map((file) => readModelFile(path(file))))
  expect(found).toEqual(best)
})

test('when nothing fails, nothing is saved elsewhere', async () => {
  mkdirSync(path('other'))
  await succeed([...TRAIN, '--run', 'run'], { env: { HOME: path('other'), TMPDIR: path('other') } })
  expect(readdirSync(path('other'))).toEqual([])
  expect(readdirSync(path()).filter((name) => RESCUED.test(name))).toEqual([])
})

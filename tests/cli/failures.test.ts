import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeAllowed } from '../../lib/options/checks'
import { NETWORK_CHOICES, OPTIONS } from '../../lib/options/options'
import type { AnyOptionSpec } from '../../lib/options/specs'
import { eventsOf, lastEvent, linesOf, TINY_DATA, TINY_RUN, useCommandLine } from '../support/command-line'

const { path, run, succeed } = useCommandLine()

const EPOCH = [...TINY_RUN, '--epochs', '1', '--run', 'run']
const MODEL = join('run', 'model.safetensors')

/** Matches a stack trace or a position in a source file. */
const STACK = /^\s+at |node:internal|\.js:\d+/m

describe('a wrong command line ends with 2 and says what is expected', () => {
  test.each<[string, string[], string[]]>([
    ['an unknown option', ['--epoch', '3'], ["unknown option '--epoch'", 'Did you mean --epochs?']],
    ['an unknown option of a command', ['train', '--hiden-size', '4'], ["'--hiden-size'", 'Did you mean --hidden-size?']],
    ['an option of another command', ['evaluate', '--model', 'x', '--epochs', '3'], ["'--epochs'", 'Try: rnn-mnist-train evaluate --help']],
    ['an unknown nonlinearity', ['--nonlinearity', 'gelu'], ["'gelu'", 'Expected one of tanh, relu.']],
    ['an unknown device', ['--device', 'gpu'], ["'gpu'", 'Expected auto, cpu, cuda or cuda:N.']],
    ['a number below the range', ['--epochs', '0'], ["'0'", 'Expected an integer from 1 to 1000000.']],
    ['a number above the range', ['--learning-rate', '101'], ["'101'", 'Expected a number from 0 to 100.']],
    ['a negative number', ['--batch-size', '-3'], ["'-3'", 'Expected an integer from 1 to 65536.']],
    ['a fraction', ['--num-layers', '1.5'], ["'1.5'", 'Expected an integer from 1 to 64.']],
    ['a word for a number', ['--epochs', 'ten'], ["'ten'", 'Expected an integer']],
    ['nothing for a number', ['--epochs', ''], ["''", 'Expected an integer']],
    ['a hexadecimal number', ['--epochs', '0x10'], ["'0x10'", 'Expected an integer']],
    ['a number with a space', ['--seed', '1 '], ["'1 '", 'Expected an integer']],
    ['a number that is not finite', ['--learning-rate', 'Infinity'], ["'Infinity'", 'Expected a number']],
    ['an integer that is not exact', ['--seed', '9007199254740993'], ['Expected an integer from 0 to 9007199254740991.']],
    ['an option without its value', ['--epochs'], ["'--epochs <integer>' argument missing"]],
    ['a word too many', ['train', 'extra'], ["too many arguments for 'train'"]],
    ['no name for the run', ['--run', ''], ["'--run <folder>' argument ''", 'Expected the path of a folder.']],
    ['no name for the output', ['--output', ''], ["'--output <file>' argument ''", 'Expected the path of a file.']],
    ['no name for the data', ['evaluate', '--data='], ["'--data <path>' argument ''", 'Expected the path of a file or folder.']],
  ])('%s', async (_, args, parts) => {
    const { stdout, stderr, ...outcome } = await run(args)
    expect(outcome).toEqual({ code: 2, signal: null })
    expect(stdout).toBe('')
    for (const part of parts) expect(stderr).toContain(part)
    expect(stderr).toMatch(/Try: rnn-mnist-train (train|evaluate) --help\n$/)
    expect(stderr).not.toMatch(STACK)
  })

  test.each<[string, string[], string[]]>([
    ['a misspelt command', ['evaluat'], ["unknown command 'evaluat'", 'Did you mean evaluate?']],
    ['a misspelt command with options', ['trian', '--epochs', '3'], ["unknown command 'trian'", 'Did you mean train?']],
    ['a misspelt command after options', ['--epochs', '3', '--seed=4', '--no-shuffle', 'evaluat'], ['Did you mean evaluate?']],
    ['a misspelt command that asks for help', ['evalute', '--help'], ['Did you mean evaluate?']],
    ['help for a misspelt command', ['help', 'evaluat'], ["unknown command 'evaluat'", 'Did you mean evaluate?']],
    ['help for a misspelt command, with an option', ['help', '--quiet', 'evaluat'], ['Did you mean evaluate?']],
    ['help for a misspelt command, by --help', ['--help', 'evaluat'], ['Did you mean evaluate?']],
    ['help for a misspelt command, after options', ['--epochs', '3', 'help', 'trian'], ['Did you mean train?']],
    ['help for a word like no command', ['help', 'me'], ["unknown command 'me'"]],
    ['a word like no command', ['./digits'], ["unknown command './digits'"]],
    ['nothing for a command', [''], ["unknown command ''"]],
    ['a command after options', ['--epochs', '3', 'train'], ['a command goes before its options: rnn-mnist-train train ...']],
  ])('%s', async (_, args, parts) => {
    const { stdout, stderr, ...outcome } = await run(args)
    expect(outcome).toEqual({ code: 2, signal: null })
    expect(stdout).toBe('')
    for (const part of parts) expect(stderr).toContain(part)
    expect(stderr).toMatch(/Try: rnn-mnist-train --help\n$/)
    expect(stderr).not.toMatch(STACK)

    const withJson = await run([...args, '--json'])
    expect({ ...withJson, stdout: '' }).toEqual({ ...outcome, stdout: '', stderr })
    const shown = stderr.slice('error: '.length, stderr.indexOf('\nTry: ')).replaceAll('\n', ' ')
    expect(eventsOf(withJson.stdout)).toEqual([{ type: 'error', code: 'ERR_USAGE', message: shown }])
  })

  test('also as an event, when --json was asked for', async () => {
    const { stdout, code } = await run(['--json', '--nonlinearity', 'gelu'])
    expect(code).toBe(2)
    const message = "option '--nonlinearity <name>' argument 'gelu' is invalid. Expected one of tanh, relu."
    expect(eventsOf(stdout)).toEqual([{ type: 'error', code: 'ERR_USAGE', message }])
  })

  test('in one line, with what was probably meant', async () => {
    const { stdout } = await run(['--epoch', '3', '--json'])
    const message = "unknown option '--epoch' (Did you mean --epochs?)"
    expect(eventsOf(stdout)).toEqual([{ type: 'error', code: 'ERR_USAGE', message }])
  })
})

/** Checks that a command fails before it does anything: with one line on stderr, and with --json with its start and the error on stdout. */
async function expectFailure(args: readonly string[], code: string, parts: readonly string[]): Promise<void> {
  const { stdout, stderr, ...outcome } = await run(args)
  expect(outcome).toEqual({ code: 1, signal: null })
  expect(stdout).toBe('')
  expect(linesOf(stderr)).toEqual([expect.stringMatching(/^Error: /)])
  for (const part of parts) expect(stderr).toContain(part)
  expect(stderr).not.toMatch(STACK)

  const withJson = await run([...args, '--json'])
  expect({ ...withJson, stdout: '' }).toEqual({ ...outcome, stdout: '', stderr: '' })
  expect(eventsOf(withJson.stdout)).toEqual([
    expect.objectContaining({ type: 'start', command: args[0]?.startsWith('-') ? 'train' : args[0] }),
    { type: 'error', code, message: stderr.slice('Error: '.length, -1) },
  ])
}

describe('data that cannot be read ends with 1', () => {
  test('a folder that does not exist', async () => {
    await expectFailure(['--data', 'nowhere'], 'ERR_FILE_SYSTEM', ['Cannot read nowhere: it does not exist (ENOENT)'])
  })

  test('a file that is missing', async () => {
    rmSync(path('data', 't10k-labels-idx1-ubyte'))
    await expectFailure([...EPOCH], 'ERR_FILE_SYSTEM', ['No t10k-labels file in data'])
  })

  test('a truncated file', async () => {
    truncateSync(path('data', 'train-images-idx3-ubyte'), 5000)
    await expectFailure([...EPOCH], 'ERR_INVALID_FILE', [
      `${join('data', 'train-images-idx3-ubyte')}: expected 235216 bytes for 300 x 28 x 28 images but found 5000 bytes`,
    ])
  })

  test('a damaged gzip file', async () => {
    const file = path('data', 't10k-images-idx3-ubyte.gz')
    truncateSync(file, 1000)
    await expectFailure([...EPOCH], 'ERR_INVALID_FILE', ['t10k-images-idx3-ubyte.gz', 'expected intact gzip data'])
  })

  test('when evaluating, too', async () => {
    await succeed(EPOCH)
    truncateSync(path('data', 't10k-labels-idx1-ubyte'), 50)
    await expectFailure(['evaluate', ...TINY_DATA, '--model', MODEL], 'ERR_INVALID_FILE', [join('data', 't10k-labels-idx1-ubyte')])
  })
})

describe('a model that cannot be read ends with 1', () => {
  test('none was trained yet', async () => {
    await expectFailure(['evaluate', ...TINY_DATA], 'ERR_FILE_SYSTEM', ['There is no trained model in runs', '--model'])
  })

  test('the runs cannot be listed', async () => {
    writeFileSync(path('runs'), '')
    await expectFailure(['evaluate', ...TINY_DATA], 'ERR_FILE_SYSTEM', ['Cannot read runs: '])
  })

  test('the file does not exist', async () => {
    const args = ['evaluate', ...TINY_DATA, '--model', 'nowhere.safetensors']
    await expectFailure(args, 'ERR_FILE_SYSTEM', ['Cannot read nowhere.safetensors: it does not exist'])
  })

  test.each<[string, (model: Buffer) => Buffer | string, string]>([
    ['is something else', () => 'not a model, but longer than eight bytes', 'safetensors'],
    ['is empty', () => '', 'at least 8 bytes'],
    ['was cut short', (model) => model.subarray(0, -100), 'bytes'],
  ])('the file %s', async (_, damage, part) => {
    await succeed(EPOCH)
    writeFileSync(path('damaged'), damage(readFileSync(path(MODEL))))
    await expectFailure(['evaluate', ...TINY_DATA, '--model', 'damaged'], 'ERR_INVALID_FILE', ['damaged: expected', part])
  })
})

describe('a run that cannot be written ends with 1', () => {
  test('its folder is a file', async () => {
    writeFileSync(path('run'), '')
    await expectFailure(EPOCH, 'ERR_FILE_SYSTEM', ['Cannot write run: it exists already, and is no folder'])
  })

  test('its folder already holds a run, which stays unchanged', async () => {
    await succeed(EPOCH)
    const before = ['config.json', 'metrics.csv', 'model.safetensors'].map((name) => readFileSync(path('run', name)))
    await expectFailure([...EPOCH, '--seed', '2'], 'ERR_FILE_SYSTEM', ['run holds a run already'])
    expect(['config.json', 'metrics.csv', 'model.safetensors'].map((name) => readFileSync(path('run', name)))).toEqual(before)
  })

  test.each<[string, string, string]>([
    ['is in a folder that does not exist', join('nowhere', 'copy'), 'its folder does not exist'],
    ['is in a file', join('data', 't10k-labels-idx1-ubyte', 'copy'), 'a part of the path is not a folder'],
    ['is a folder', 'data', 'it is a folder'],
    ['will be the folder of the run', 'run', 'the run makes a folder of this name'],
  ])('the --output %s: nothing is trained', async (_, output, reason) => {
    await expectFailure([...EPOCH, '--output', output], 'ERR_FILE_SYSTEM', [`Cannot write ${output}: ${reason}`])
    expect(readdirSync(path())).toEqual(['data'])
  })

  test.each([['not there yet'], ['there already']])('while an --output in the folder of the run, %s, can be', async (state) => {
    if (state === 'there already') mkdirSync(path('run'))
    await succeed([...EPOCH, '--output', join('run', 'copy')])
    expect(readFileSync(path('run', 'copy')).equals(readFileSync(path(MODEL)))).toBe(true)
  })

  test('the --output becomes a folder during the training; the model of the run is still saved', async () => {
    symlinkSync('run', path('link')) // Points to nothing before the training, and to the folder of the run after it.
    const { stderr, code } = await run([...EPOCH, '--output', 'link'])
    expect(code).toBe(1)
    expect(linesOf(stderr)).toEqual([
      `Warning: The model as it is now was saved to ${MODEL}. Go on with: rnn-mnist-train --resume --run run`,
      expect.stringMatching(/^Error: Cannot write link: it is a folder/),
    ])
    await succeed(['evaluate', ...TINY_DATA, '--model', MODEL])
  })
})

test('CUDA on a machine without it ends with 1', async () => {
  await expectFailure([...EPOCH, '--device', 'cuda'], 'ERR_DEVICE_UNAVAILABLE', ['cuda was asked for but this machine has no CUDA device'])
})

describe('without libtorch', () => {
  // The command line gives help even on a machine where nothing else works yet.
  const env = { LIBTORCH: join(__dirname, 'no-such-folder') }
  const DATA_FLAGS = [
    ...['--data', '--train-images', '--train-labels', '--test-images', '--test-labels'],
    ...['--format', '--subset', '--orientation', '--first-label', '--label-names', '--label-column'],
    ...['--image-size', '--fit', '--ink', '--test-split', '--split-seed', '--skip-broken'],
  ]
  const SHARED_FLAGS = [...DATA_FLAGS, '--seed', '--device', '--engine', '--threads', '--precision', '--json', '--quiet', '--help']
  const AUGMENT_FLAGS = ['--augment-shift', '--augment-rotation', '--augment-scale', '--augment-shear', '--augment-flip']
  const NOT_FOR_TRIALS = [
    '--model',
    '--run',
    '--output',
    '--no-report',
    '--checkpoint-every',
    '--keep-checkpoints',
    '--stop-after-epochs',
    '--resume',
  ]
  const TRAIN_FLAGS = [
    ...['--recipe', '--epochs', '--batch-size', '--no-shuffle', '--log-interval', '--model', '--run', '--output', '--no-report'],
    ...[
      '--optimizer',
      '--learning-rate',
      '--betas',
      '--weight-decay',
      '--momentum',
      '--clip-grad-norm',
      '--label-smoothing',
      '--accumulation-steps',
    ],
    ...['--ema-decay', '--schedule', '--step-size', '--gamma', '--warmup', '--min-learning-rate', '--plateau-patience'],
    ...['--validation-split', '--early-stopping-patience', '--no-restore-best'],
    ...AUGMENT_FLAGS,
    ...['--checkpoint-every', '--keep-checkpoints', '--stop-after-epochs', '--resume'],
  ]
  const LR_FIND_FLAGS = [
    ...['--start-learning-rate', '--end-learning-rate', '--steps', '--csv', '--recipe', '--batch-size', '--no-shuffle', '--model'],
    ...['--optimizer', '--betas', '--weight-decay', '--momentum', '--clip-grad-norm', '--label-smoothing', '--accumulation-steps'],
    ...AUGMENT_FLAGS,
  ]
  const SEARCH_FLAGS = [
    ...['--vary', '--strategy', '--trials', '--eta', '--min-epochs', '--metric', '--seeds', '--search', '--resume'],
    // What fixes the trials: all that train has for one training, from its beginning.
    ...TRAIN_FLAGS.filter((flag) => !NOT_FOR_TRIALS.includes(flag)),
  ]
  const NETWORK_FLAGS = ['--hidden-size', '--num-layers', '--nonlinearity', '--recurrent-init', '--normalize']
  const ARCHITECTURE_FLAGS = ['--input-size', '--hidden-size', '--num-layers', '--num-classes', '--nonlinearity']

  function flagsOf(help: string): string[] {
    return Array.from(help.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm), (match) => match[1] as string)
  }

  test.each([['--help'], ['help']])('%s lists the commands', async (argument) => {
    const help = await succeed([argument], { env })
    expect(flagsOf(help)).toEqual(['--version', '--help'])
    expect(help).toMatch(/^ {2}train .*the default\s+command/m)
    expect(help).toMatch(/^ {2}lr-find .*learning rate/m)
    expect(help).toMatch(/^ {2}evaluate .*measure/m)
    expect(help).toMatch(/^ {2}explore .*data/m)
    expect(help).toMatch(/^ {2}summary .*layers/m)
    expect(help).toMatch(/^ {2}completion .*shell/m)
    expect(help).toMatch(/^ {2}forward .*images/m)
    expect(help).toMatch(/^ {2}hook .*hook/m)
    expect(help).toMatch(/^ {2}plot .*pictures/m)
    expect(help).toMatch(/^ {2}search .*options/m)
  })

  test.each([
    ['train', [...TRAIN_FLAGS, ...NETWORK_FLAGS, ...SHARED_FLAGS]],
    ['lr-find', [...LR_FIND_FLAGS, ...NETWORK_FLAGS, ...SHARED_FLAGS]],
    ['search', [...SEARCH_FLAGS, ...NETWORK_FLAGS, ...SHARED_FLAGS]],
    ['evaluate', ['--model', '--verbose', ...SHARED_FLAGS]],
    ['explore', ['--batch-size', '--columns', '--output', '--no-preview', '--augment', ...AUGMENT_FLAGS, ...SHARED_FLAGS]],
    ['summary', ['--model', ...ARCHITECTURE_FLAGS, ...SHARED_FLAGS]],
    ['forward', ['--model', '--batch-size', '--rows', ...SHARED_FLAGS]],
    ['hook', ['--model', '--module', '--batch-size', ...SHARED_FLAGS]],
    ['plot', ['--run', '--runs', '--model', '--image', '--count', '--output', '--picture-format', '--theme', ...SHARED_FLAGS]],
  ])('%s --help lists every option', async (command, flags) => {
    const help = await succeed([command, '--help'], { env })
    expect(flagsOf(help).sort()).toEqual([...flags].sort())
  })

  test.each(['train', 'lr-find', 'evaluate', 'explore', 'summary', 'forward', 'hook', 'plot', 'search', 'completion'])(
    'help %s is its --help',
    async (command) => {
      expect(await succeed(['help', command], { env })).toBe(await succeed([command, '--help'], { env }))
    },
  )

  test('train --help gives the meaning, range and default of every option', async () => {
    const help = (await succeed(['train', '--help'], { env })).replaceAll(/\s+/g, ' ')
    const specs: AnyOptionSpec[] = Object.values({ ...NETWORK_CHOICES, ...OPTIONS.placement, ...OPTIONS.training })
    for (const spec of specs) {
      expect(help).toContain(spec.summary)
      if (spec.kind === 'boolean') continue
      const shown = JSON.stringify(spec.default)
      const allowed = spec.kind === 'text' ? '' : `(${describeAllowed(spec)}) `
      expect(help).toContain(`${allowed}(default: ${shown})`)
    }
    expect(help).toContain('Ctrl-C finishes the running batch and saves the model.')
  })

  test('--version prints the version of the package', async () => {
    const { version } = JSON.parse(readFileSync(join(__dirname, '..', '..', 'package.json'), 'utf8'))
    expect(await succeed(['--version'], { env })).toBe(`${version}\n`)
  })

  test('training fails: it says where it looked, without a stack, and leaves no run', async () => {
    const { stdout, stderr, code } = await run(EPOCH, { env })
    expect({ stdout, code }).toEqual({ stdout: '', code: 1 })
    expect(stderr).toContain(`LIBTORCH=${env.LIBTORCH}`)
    expect(stderr).not.toMatch(STACK)
    expect(readdirSync(path())).toEqual(['data'])
  })

  test('--json reports it as an event', async () => {
    const { stdout, code } = await run([...EPOCH, '--json'], { env })
    expect(code).toBe(1)
    expect(lastEvent(stdout, 'error').code).toBe('ERR_LIBRARY_LOAD')
  })
})

/** What `--json` promises for every command: a start first, a done or an error last, known codes, and numbers that are not finite named. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { StartEvent } from '../../lib/cli/events'
import { createReporter } from '../../lib/cli/reporter'
import { toJsonLine } from '../../lib/formats/json-lines'
import { encodeSafetensors } from '../../lib/formats/safetensors'
import { parameterShapes } from '../../lib/model/architecture'
import { architectureMetadata } from '../../lib/model/model-file'
import { eventsOf, lastEvent, onlyEvent, TINY_DATA, TINY_RUN, useCommandLine } from '../support/command-line'
import { REPOSITORY } from '../support/run-program'
import { SAME_PLACE } from '../support/tiny-model'

const { path, run, succeed } = useCommandLine()

const MODEL = join('run', 'model.safetensors')
const PHOTOS = join(REPOSITORY, 'tests', 'fixtures', 'pictures', 'photos')
const PHOTO = join(PHOTOS, readdirSync(PHOTOS)[0] as string)
const TRAIN = ['train', ...TINY_RUN, '--epochs', '1', '--run', 'run']

/** Each command with arguments that work, in this order, and others that fail. A build that works takes minutes. */
const COMMANDS: Readonly<Record<string, { readonly works?: readonly string[]; readonly fails: readonly string[] }>> = {
  train: { works: TRAIN, fails: [...TRAIN, '--data', 'nowhere'] },
  'lr-find': { works: ['lr-find', ...TINY_RUN, '--steps', '20'], fails: ['lr-find', '--data', 'nowhere'] },
  evaluate: { works: ['evaluate', ...TINY_DATA, '--model', MODEL], fails: ['evaluate', ...TINY_DATA, '--model', 'nowhere'] },
  predict: { works: ['predict', PHOTO], fails: ['predict', 'nowhere.png'] },
  explore: { works: ['explore', ...TINY_DATA], fails: ['explore', '--data', 'nowhere'] },
  summary: { works: ['summary'], fails: ['summary', '--model', 'nowhere'] },
  forward: { works: ['forward', ...TINY_DATA], fails: ['forward', '--data', 'nowhere'] },
  hook: { works: ['hook', ...TINY_DATA], fails: ['hook', '--data', 'nowhere'] },
  plot: { works: ['plot', 'curves', '--run', 'run'], fails: ['plot', 'states', ...TINY_DATA, '--model', 'nowhere'] },
  export: { works: ['export', '--onnx', 'model.onnx', '--model', MODEL], fails: ['export', '--onnx', 'model.onnx', '--model', 'nowhere'] },
  // It works until it is told to end: tests/server/serve.test.ts.
  serve: { fails: ['serve', '--data', 'nowhere'] },
  'runs list': { works: ['runs', 'list', '--runs', '.'], fails: ['runs', 'list', '--runs', 'run/config.json'] },
  'runs show': { works: ['runs', 'show', 'run'], fails: ['runs', 'show', 'nowhere'] },
  'runs compare': { works: ['runs', 'compare', 'run', './run'], fails: ['runs', 'compare', 'run'] },
  'runs export': { works: ['runs', 'export', 'run'], fails: ['runs', 'export', 'nowhere'] },
  'runs report': { works: ['runs', 'report', 'run'], fails: ['runs', 'report', 'nowhere'] },
  search: {
    works: ['search', ...TINY_RUN, '--vary', 'learning-rate', '--epochs', '1', '--trials', '1'],
    fails: ['search', '--data', 'nowhere'],
  },
  doctor: { works: ['doctor', ...TINY_DATA], fails: ['doctor', '--data', 'nowhere'] },
  build: { fails: ['build'] },
}

/** What `--help` lists, without the commands that have no `--json`. */
async function listedCommands(): Promise<string[]> {
  const [, list = ''] = (await succeed(['--help'])).split('Commands:\n')
  const names = Array.from(list.matchAll(/^ {2}([a-z-]+) /gm), (match) => match[1] as string)
  return names.filter((name) => name !== 'completion' && name !== 'help')
}

/** The first and the last event, and how many starts and ends there are. */
function frameOf(stdout: string) {
  const events = eventsOf(stdout)
  const [starts, ends] = [['start'], ['done', 'error']].map((types) => events.filter(({ type }) => types.includes(type)).length)
  return { first: events[0], last: events.at(-1), starts, ends }
}

test('every command begins with a start and ends with done, or with an error where it fails', async () => {
  expect(await listedCommands()).toEqual(Array.from(new Set(Object.keys(COMMANDS).map((command) => command.split(' ')[0]))))
  for (const [command, { works, fails }] of Object.entries(COMMANDS)) {
    const once = { starts: 1, ends: 1 }
    if (works !== undefined) {
      const frame = frameOf(await succeed([...works, '--json']))
      expect(frame).toMatchObject({ ...once, first: { type: 'start', command }, last: { type: 'done', seconds: expect.any(Number) } })
    }
    const { code, stdout } = await run([...fails, '--json'])
    expect([command, code]).toEqual([command, 1])
    const isAboutRuns = command.startsWith('runs')
    const named = isAboutRuns ? { runs: expect.any(String) } : { data: expect.any(String) }
    const options = ['build', 'summary', 'export', 'predict'].includes(command) ? {} : named
    const first = { type: 'start', command, version: expect.any(String), options: expect.objectContaining(options) }
    expect(frameOf(stdout)).toMatchObject({ ...once, first, last: { type: 'error', message: expect.any(String) } })
  }
})

test('explore starts before it draws, and tells the time in the end', async () => {
  const stdout = await succeed(['explore', ...TINY_DATA, '--json'])
  expect(eventsOf(stdout).map(({ type }) => type)).toEqual(['start', 'explore', 'done'])
})

describe('the lines of a reporter', () => {
  const START: StartEvent = { type: 'start', command: 'train', version: '1.2.3', options: {} }

  function linesWhen(use: (reporter: ReturnType<typeof createReporter>) => void): unknown[] {
    const lines: string[] = []
    const spy = jest.spyOn(process.stdout, 'write').mockImplementation((line) => lines.push(String(line)) > 0)
    try {
      use(createReporter({ json: true, quiet: false }, START))
    } finally {
      spy.mockRestore()
    }
    return lines.map((line) => JSON.parse(line))
  }

  test('begin with the start, also when a warning comes before it', () => {
    const start = { ...START, device: 'cpu' }
    const warning = { type: 'warning', message: 'SIGINT' }
    const error = { type: 'error', code: 'ERR_INTERRUPTED', message: 'Interrupted' } as const
    const warned = linesWhen((reporter) => {
      reporter.warning('SIGINT')
      reporter.step(start)
    })
    expect(warned).toEqual([start, warning])
    const failed = linesWhen((reporter) => {
      reporter.warning('SIGINT')
      reporter.error(error)
    })
    expect(failed).toEqual([START, warning, error])
  })
})

describe('a number that is not finite', () => {
  test('is null, and named beside it', () => {
    const { NaN: nan, POSITIVE_INFINITY: infinity } = Number
    expect(toJsonLine({ type: 'x', loss: nan, seconds: 1 })).toBe('{"type":"x","loss":null,"seconds":1,"nonFinite":["loss"]}\n')
    expect(toJsonLine({ rows: [[1], [2, -infinity]], loss: infinity })).toBe(
      '{"rows":[[1],[2,null]],"loss":null,"nonFinite":["rows","loss"]}\n',
    )
    expect(toJsonLine({ steps: [{ mean: nan }, { mean: 1 }] })).toBe('{"steps":[{"mean":null,"nonFinite":["mean"]},{"mean":1}]}\n')
    expect(toJsonLine({ a: null, b: undefined, c: 'NaN', d: [] })).toBe('{"a":null,"c":"NaN","d":[]}\n')
  })

  /** Saves a network whose weights are not finite, as a training that diverged leaves it. */
  async function saveDivergedModel(): Promise<void> {
    const architecture = { inputSize: 28, hiddenSize: 4, numLayers: 1, numClasses: 10, nonlinearity: 'tanh' } as const
    const state = Array.from(parameterShapes(architecture), ([name, shape]) => {
      return [name, { data: new Float32Array(shape.reduce((product, size) => product * size)).fill(Number.NaN), shape }] as const
    })
    // The package itself does not write such a model.
    writeFileSync(path('diverged'), encodeSafetensors(new Map(state), architectureMetadata(architecture)))
  }

  test('in what a command measures', async () => {
    await saveDivergedModel()
    const flags = [...TINY_DATA, ...SAME_PLACE, '--model', 'diverged', '--json']
    const evaluated = await succeed(['evaluate', ...flags])
    expect(onlyEvent(evaluated, 'evaluation')).toMatchObject({ loss: null, nonFinite: ['loss'] })
    expect(onlyEvent(evaluated, 'done')).toMatchObject({ testLoss: null, nonFinite: ['testLoss'] })
    expect(onlyEvent(await succeed(['forward', ...flags]), 'logits')).toMatchObject({ nonFinite: ['rows'] })
    const [step] = onlyEvent(await succeed(['hook', ...flags]), 'features').steps ?? []
    expect(step).toMatchObject({ mean: null, nonFinite: ['mean', 'standardDeviation'] })
  })

  test('is not reported by a training that diverges: it ends before', async () => {
    const diverging = ['--nonlinearity', 'relu', '--learning-rate', '100', '--num-layers', '8']
    const { code, stdout } = await run([...TRAIN, ...diverging, '--log-interval', '1', '--json'])
    expect(code).toBe(1)
    expect(stdout).not.toContain('nonFinite')
    expect(eventsOf(stdout).map(({ type }) => type)).not.toContain('epoch')
    expect(lastEvent(stdout, 'error')).toMatchObject({
      code: 'ERR_NOT_FINITE',
      message: expect.stringContaining('Lower the learning rate'),
    })
  })
})

describe('the codes of errors', () => {
  const read = (...file: string[]) => readFileSync(join(REPOSITORY, ...file), 'utf8')
  /** The literals of the union type of codes that a file declares. */
  function declaredIn(text: string): string[] {
    const [, union = ''] = /export type (?:Command)?ErrorCode =([\s\S]*?)\n\n/.exec(text) ?? []
    return Array.from(union.matchAll(/'(ERR_[A-Z_]+)'/g), (match) => match[1] as string)
  }
  const known = [...declaredIn(read('lib', 'errors.ts')), ...declaredIn(read('lib', 'cli', 'events.ts'))]

  /** All codes in the sources of a folder. */
  function codesIn(folder: string, pattern: RegExp): string[] {
    const files = readdirSync(join(REPOSITORY, folder), { recursive: true, encoding: 'utf8' }).filter((name) => /\.(ts|cc|h)$/.test(name))
    return files.flatMap((name) => Array.from(read(folder, name).matchAll(pattern), (match) => match[1] as string))
  }

  test('are a closed list, which has every code that the addon can give', () => {
    // These two end in the session, which rejects with the reason of the signal, or with what the callback threw.
    const internal = ['ERR_ABORTED', 'ERR_CALLBACK_FAILED']
    const codes = codesIn('native', /"(ERR_[A-Z_]+)"/g)
    expect(codes).toEqual(expect.arrayContaining(internal))
    expect(codes.filter((code) => !known.includes(code) && !internal.includes(code))).toEqual([])
  })

  test('have every code that an error of this package is made with', () => {
    const made = [
      ...codesIn('lib', /(?:TorchRnnError|unexpected|CommandFailure|super)\(\s*'(ERR_[A-Z_]+)'/g),
      ...codesIn('lib/cli', /code: '(ERR_[A-Z_]+)'/g),
    ]
    expect(made.length).toBeGreaterThan(20)
    expect(made.filter((code) => !known.includes(code))).toEqual([])
    expect(known.filter((code) => !made.includes(code) && !codesIn('native', /"(ERR_[A-Z_]+)"/g).includes(code))).toEqual([])
  })

  test("of the command line alone are documented beside the library's", () => {
    const [, ours = ''] = read('docs', 'errors.md').split('The command line adds')
    const documented = Array.from(ours.matchAll(/`(ERR_[A-Z_]+)`/g), (match) => match[1] as string)
    expect(documented.sort()).toEqual(declaredIn(read('lib', 'cli', 'events.ts')).sort())
  })
})

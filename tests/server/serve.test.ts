/** The command `serve`, as a program: it trains as `train` does, and ends when it is told to. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { ImageRNN } from '../../lib'
import type { StartEvent } from '../../lib/cli/events'
import { eventsOf, eventsOfType, lastEvent, onlyEvent, TINY_DATA, useCommandLine } from '../support/command-line'
import { ask, jsonOf, listen, post } from '../support/live-page'
import { REPOSITORY, type RunningProgram } from '../support/run-program'

const { path, start, run, succeed } = useCommandLine()

const SIDE = 28
const READING = `/api/reading?width=${SIDE}&height=${SIDE}`
const PLUS = Uint8Array.from({ length: SIDE * SIDE }, (_, pixel) => (pixel % SIDE === 14 || Math.floor(pixel / SIDE) === 14 ? 255 : 0))
const SERVE = ['serve', ...TINY_DATA, '--port', '0', '--device', 'cpu', '--threads', '1', '--json']

async function serve(...args: readonly string[]): Promise<{ program: RunningProgram; started: StartEvent; url: string }> {
  const program = start([...SERVE, ...args])
  const started = JSON.parse(await program.line(/"type":"start"/)) as StartEvent
  return { program, started, url: started.url ?? '' }
}

test('without a model, the one of the package reads', async () => {
  const { program, started, url } = await serve()
  expect(started).toMatchObject({ command: 'serve', url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/$/), parameters: 119_110 })
  expect(started.model).toBe(join(REPOSITORY, 'models', 'mnist', 'model.safetensors'))
  const { model, training } = await (await listen(url)).until(() => true)
  expect([model.name, training.state]).toEqual(['the one that comes with this package', 'idle'])
  expect(jsonOf(await post(url, READING, PLUS))).toMatchObject({ rows: 28, classes: 10, states: { layers: 3, neurons: 150 } })
  expect((await ask(url)).body.toString()).toContain('<div id="page"></div>')
  program.signal('SIGTERM')
  expect(await program.ended).toMatchObject({ code: 143, signal: null })
})

test('a training in the page is a run, and its network reads afterwards', async () => {
  const { program, url } = await serve()
  const page = await listen(url)
  expect((await post(url, '/api/training', { epochs: 2, hiddenSize: 16 })).status).toBe(202)
  const done = await page.until(({ training }) => training.state === 'done')
  expect(done.training).toMatchObject({ number: 1, epochs: 2, hiddenSize: 16, progress: 2, test: { samples: 100 } })
  const folder = done.training.run as string
  expect(done.model).toMatchObject({ choice: 'trained', hiddenSize: 16, name: join(folder, 'model.safetensors') })
  const { mistakes } = await page.until((update) => update.mistakes?.epoch === 2)
  expect(mistakes?.samples).toBe(100)
  expect(mistakes?.shown.length).toBe(Math.min(24, mistakes?.wrong ?? 0))

  // What the page shows is what the command finds.
  const model = await ImageRNN.load(path(folder, 'model.safetensors'), { device: 'cpu' })
  expect(model.options.hiddenSize).toBe(16)
  model.dispose()
  const evaluation = onlyEvent(await succeed(['evaluate', ...TINY_DATA, '--json']), 'evaluation')
  expect(Math.round(evaluation.accuracy * 100)).toBe(100 - (mistakes?.wrong ?? 0))
  expect(done.training.test?.accuracy).toBeCloseTo(evaluation.accuracy, 10)
  const shown = lastEvent(await succeed(['runs', 'list', '--json']), 'done')
  expect(shown).toBeDefined()
  expect(existsSync(path(folder, 'README.md'))).toBe(true)

  expect(jsonOf(await post(url, READING, PLUS))).toMatchObject({ states: { neurons: 16 } })
  program.signal('SIGINT')
  const { code, stdout } = await program.ended
  expect(code).toBe(130)
  await page.ended
  const types = eventsOf(stdout).map(({ type }): string => type)
  expect(types[0]).toBe('start')
  expect(types.filter((type) => ['trainingStart', 'epoch', 'evaluation', 'trainingEnd'].includes(type))).toEqual([
    'trainingStart',
    'epoch',
    'epoch',
    'evaluation',
    'trainingEnd',
  ])
  expect(lastEvent(stdout, 'error')).toMatchObject({ code: 'ERR_INTERRUPTED' })
})

/** Why a run ended, by its logs. */
function endOf(folder: string): unknown {
  const lines = readFileSync(path(folder, 'timing.jsonl'), 'utf8').trim().split('\n')
  return JSON.parse(lines.at(-1) ?? '{}')
}

test('a training that is stopped in the page is saved, and goes on by the command line', async () => {
  const { program, url } = await serve()
  const page = await listen(url)
  await post(url, '/api/training', { epochs: 100, hiddenSize: 64 })
  await page.until(({ training }) => training.finished.length > 0)
  expect((await post(url, '/api/training/stop', undefined)).status).toBe(202)
  const { training } = await page.until((update) => update.training.state === 'stopped')
  const folder = training.run as string
  expect(existsSync(path(folder, 'model.safetensors'))).toBe(true)
  expect(endOf(folder)).toMatchObject({ type: 'end', state: 'stopped', code: 'ERR_INTERRUPTED' })
  program.signal('SIGTERM')
  await program.ended
  const resumed = await succeed(['train', '--resume', '--run', folder, '--json'])
  expect(lastEvent(resumed, 'done')).toMatchObject({ ended: 'completed' })
})

test('--train starts one at once', async () => {
  const { program, url } = await serve('--train')
  await (await listen(url)).until(({ training }) => training.number === 1)
  program.signal('SIGTERM')
  const { code, stdout } = await program.ended
  expect(code).toBe(143)
  expect(eventsOfType(stdout, 'trainingEnd')).toHaveLength(1)
})

test('Ctrl-C stops and saves a running training before the program ends', async () => {
  const { program, url } = await serve()
  await post(url, '/api/training', { epochs: 100 })
  const page = await listen(url)
  const { training } = await page.until((update) => update.training.finished.length > 0)
  program.signal('SIGINT')
  const { code, stdout } = await program.ended
  expect(code).toBe(130)
  const folder = training.run as string
  expect(endOf(folder)).toMatchObject({ type: 'end', state: 'stopped' })
  const { length } = eventsOfType(stdout, 'epoch')
  const model = await ImageRNN.load(path(folder, 'model.safetensors'), { device: 'cpu' })
  model.dispose()
  expect(length).toBeGreaterThan(0)
  expect(existsSync(path(folder, 'run.lock'))).toBe(false)
})

test('a training that fails is told in the page, and another one can begin', async () => {
  const { program, url } = await serve()
  const page = await listen(url)
  // There is no place for its run.
  writeFileSync(path('runs'), 'a file')
  await post(url, '/api/training', { epochs: 1 })
  const { training } = await page.until((update) => update.training.state === 'failed')
  expect(training.message).toMatch(/runs/)
  rmSync(path('runs'))
  expect((await post(url, '/api/training', { epochs: 1 })).status).toBe(202)
  await page.until((update) => update.training.number === 2 && update.training.state === 'done')
  program.signal('SIGTERM')
  await program.ended
})

test('a model that is for other images is refused when it was named', async () => {
  const narrow = new ImageRNN({ inputSize: 20, hiddenSize: 4, device: 'cpu' })
  await narrow.save(path('narrow.safetensors'))
  narrow.dispose()
  const { code, stdout } = await run([...SERVE, '--model', 'narrow.safetensors'])
  expect([code, lastEvent(stdout, 'error').code]).toEqual([1, 'ERR_INVALID_FILE'])
})

test('a port that is taken is told; without one, another is taken', async () => {
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  const { port } = other.address() as { port: number }
  const { code, stdout } = await run(['serve', '--port', String(port), '--json'])
  other.close()
  expect([code, lastEvent(stdout, 'error')]).toMatchObject([
    1,
    { code: 'ERR_FILE_SYSTEM', message: expect.stringContaining(`port ${port}`) },
  ])
})

test('the text has the link; other hosts are warned of', async () => {
  const program = start(['serve', '--port', '0', '--host', '0.0.0.0', '--device', 'cpu', '--quiet'])
  expect(await program.line(/^Open /)).toMatch(/^Open http:\/\/127\.0\.0\.1:\d+\/$/)
  expect(await program.line(/--host/)).toContain('start trainings on it')
  program.signal('SIGTERM')
  expect((await program.ended).code).toBe(143)
})

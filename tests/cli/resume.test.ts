/** Runs that stop and go on: their files at the end are those of a run that never stopped, byte for byte. */
import { cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readCheckpoint } from '../../lib/checkpoints/checkpoint-file'
import { decodeSafetensors, encodeSafetensors } from '../../lib/formats/safetensors'
import { eventsOf, eventsOfType, lastEvent, linesOf, TINY_DATA, TINY_RUN, useCommandLine } from '../support/command-line'
import { testOnPosix } from '../support/needs'
import { TINY_TRAIN_SAMPLES } from '../support/tiny-mnist'

const { path, run, start, succeed } = useCommandLine()
const testWithSignals = testOnPosix('signals that a program can handle')

/** What a run computes and writes, and what must not depend on pauses. */
const REPRODUCED = ['metrics.jsonl', 'metrics.csv', 'model.safetensors']
const SAME_PLACE = ['--threads', '1', '--device', 'cpu']

/** Checks that two runs have the same logs and models, and went on from the same optimizer. */
async function expectSameRuns(folder: string, whole: string): Promise<void> {
  for (const name of REPRODUCED)
    expect([name, readFileSync(path(folder, name), 'utf8')]).toEqual([name, readFileSync(path(whole, name), 'utf8')])
  const names = checkpointsIn(whole)
  expect(checkpointsIn(folder)).toEqual(names)
  for (const name of names) {
    const [found, expected] = await Promise.all([folder, whole].map((run) => readCheckpoint(path(run, 'checkpoints', name))))
    expect({ ...found?.state, sums: found?.position.batches }).toEqual({ ...expected?.state, sums: expected?.position.batches })
  }
}

function checkpointsIn(folder: string): string[] {
  return readdirSync(path(folder, 'checkpoints')).sort()
}

test('a run that ends after an epoch goes on as if it had not, with all that a training has', async () => {
  const optimizer = ['--optimizer', 'adamw', '--ema-decay', '0.9', '--accumulation-steps', '3', '--clip-grad-norm', '0.5']
  const schedule = ['--schedule', 'plateau', '--plateau-patience', '0', '--gamma', '0.5', '--validation-split', '100']
  const args = [...TINY_RUN, ...optimizer, ...schedule, '--augment-shift', '2', '--augment-rotation', '10', '--epochs', '4', '--quiet']
  await succeed([...args, '--run', 'whole'])
  await succeed([...args, '--run', 'run', '--stop-after-epochs', '2'])
  expect(linesOf(readFileSync(path('run', 'metrics.jsonl'), 'utf8'))).toHaveLength(2)
  await succeed(['--resume', '--run', 'run', '--quiet'])
  await expectSameRuns('run', 'whole')
})

/** Small enough to be quick, with so many batches an epoch that a signal comes within one. */
const SLOW = [...TINY_DATA, '--hidden-size', '128', '--num-layers', '1', '--batch-size', '2', '--log-interval', '1', ...SAME_PLACE]

testWithSignals('Ctrl-C within an epoch keeps the exact batch, and the run goes on from there to the same end', async () => {
  const args = [...SLOW, '--ema-decay', '0.9', '--accumulation-steps', '4', '--augment-shift', '1', '--epochs', '2']
  await succeed([...args, '--run', 'whole', '--quiet'])
  const program = start([...args, '--run', 'run', '--json'])
  await program.line(/"type":"batch","epoch":1,"epochs":2,"batch":2\d,/)
  program.signal('SIGINT')
  const { stdout } = await program.ended
  const [kept] = eventsOfType(stdout, 'checkpoint')
  const last = eventsOfType(stdout, 'batch').at(-1)?.batch ?? 0
  expect(kept?.batch).toBe(last - (last % 4)) // The latest update.
  expect(checkpointsIn('run')).toEqual([`epoch-00000-batch-${String(kept?.batch).padStart(5, '0')}.safetensors`])
  expect(eventsOfType(stdout, 'warning').at(-1)?.message).toContain('Go on with: rnn-mnist-train --resume --run run')
  const resumed = await succeed(['--resume', '--run', 'run', '--json'])
  expect(eventsOfType(resumed, 'start')[0]).toMatchObject({ resumed: kept?.file, run: 'run' })
  expect(eventsOfType(resumed, 'batch')[0]).toMatchObject({ epoch: 1, batch: (kept?.batch ?? 0) + 1 })
  await expectSameRuns('run', 'whole')
})

test('early stopping goes back to a best epoch from before the pause', async () => {
  const args = [
    ...TINY_RUN,
    '--epochs',
    '60',
    '--learning-rate',
    '0.05',
    '--validation-split',
    '100',
    '--early-stopping-patience',
    '4',
    '--quiet',
  ]
  await succeed([...args, '--run', 'whole'])
  const epochs = linesOf(readFileSync(path('whole', 'metrics.jsonl'), 'utf8')).length - 1
  expect(epochs).toBeLessThan(60)
  await succeed([...args, '--run', 'run', '--stop-after-epochs', String(epochs - 1)])
  await succeed(['--resume', '--run', 'run', '--quiet'])
  await expectSameRuns('run', 'whole')
})

describe('--resume', () => {
  const THREE = [...TINY_RUN, '--epochs', '3', '--quiet']

  test('takes the run whose checkpoint is the newest, and its options, unless a run is named', async () => {
    for (const seed of [1, 2]) {
      await succeed([...THREE, '--seed', String(seed), '--run', join('runs', `seed-${seed}`), '--stop-after-epochs', '1'])
    }
    // The order of the names does not matter.
    utimesSync(path('runs', 'seed-2', 'checkpoints', 'epoch-00001.safetensors'), new Date(2001, 1, 1), new Date(2001, 1, 1))
    const [begin] = eventsOfType(await succeed(['--resume', '--json']), 'start')
    expect(begin).toMatchObject({ run: join('runs', 'seed-1'), options: { seed: 1, epochs: 3, hiddenSize: 16, batchSize: 32 } })
    await succeed(['--resume', '--run', join('runs', 'seed-2'), '--quiet'])
    await succeed([...THREE, '--seed', '2', '--run', 'whole'])
    await expectSameRuns(join('runs', 'seed-2'), 'whole')
  })

  test('goes back to the best epoch, or to a checkpoint that is named; later epochs are computed again', async () => {
    const args = [...TINY_RUN, '--epochs', '5', '--learning-rate', '0.2', '--validation-split', '100', '--keep-checkpoints', '9', '--quiet']
    await succeed([...args, '--run', 'whole'])
    cpSync(path('whole'), path('run'), { recursive: true })
    const losses = linesOf(readFileSync(path('whole', 'metrics.jsonl'), 'utf8')).map((line) => JSON.parse(line).validationLoss as number)
    const best = losses.indexOf(Math.min(...losses.slice(0, 5))) + 1 // With this rate, it is the third.
    const [first, ofBest] = ['epoch-00001', 'best'].map((name) => join('run', 'checkpoints', `${name}.safetensors`)) as [string, string]
    for (const [words, file, done] of [
      [['best', '--run', 'run'], ofBest, best],
      [[first], first, 1],
    ] as const) {
      const stdout = await succeed(['--resume', ...words, '--json'])
      expect(eventsOfType(stdout, 'start')[0]?.resumed).toBe(file)
      expect(eventsOfType(stdout, 'epoch').map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4, 5].filter((epoch) => epoch > done))
      await expectSameRuns('run', 'whole')
    }
  })

  test('of a run that is complete says that nothing is left, measures it once more, and changes no result', async () => {
    await succeed([...THREE, '--run', 'run'])
    cpSync(path('run'), path('whole'), { recursive: true })
    const text = await succeed(['--resume', '--run', 'run'])
    expect(text).toContain('All epochs are done, so there is nothing to train: only the test set is measured.')
    expect(text).not.toMatch(/^Epoch/m)
    await expectSameRuns('run', 'whole')
    rmSync(path('run', 'model.safetensors'))
    writeFileSync(path('run', 'metrics.csv'), 'torn o')
    writeFileSync(path('run', 'metrics.jsonl'), '\0\0\0\n\0') // As after a power cut.
    const events = eventsOf(await succeed(['--resume', '--run', 'run', '--json'])).map(({ type }) => type)
    expect(events).toEqual(['start', 'model', 'evaluation', 'report', 'done'])
    await expectSameRuns('run', 'whole')
  })

  test('goes on with torch where auto took that, before there was another engine, unless the rest cannot be the same anyway', async () => {
    await succeed([...THREE, '--engine', 'torch', '--run', 'whole'])
    await succeed([...THREE, '--engine', 'torch', '--run', 'run', '--stop-after-epochs', '1'])
    const file = path('run', 'checkpoints', 'epoch-00001.safetensors')
    const { tensors, metadata } = decodeSafetensors(readFileSync(file), file)
    const key = 'torch-rnn-mnist.training'
    const training = JSON.parse(metadata[key] as string)
    const asBefore = JSON.stringify({ ...training, model: { ...training.model, engine: 'auto' } })
    writeFileSync(file, encodeSafetensors(tensors, { ...metadata, [key]: asBefore }))
    cpSync(path('run'), path('other'), { recursive: true })
    const stdout = await succeed(['--resume', '--run', 'run', '--json'])
    expect(eventsOfType(stdout, 'start')[0]).toMatchObject({ engine: 'torch' })
    expect(eventsOfType(stdout, 'warning')).toEqual([])
    await expectSameRuns('run', 'whole')
    const other = await succeed(['--resume', '--run', 'other', '--precision', 'tf32', '--json'])
    expect(eventsOfType(other, 'start')[0]).toMatchObject({ engine: 'fused' })
    expect(eventsOfType(other, 'warning')[0]?.message).toContain('the engine was torch and is fused')
  })

  test('may raise the epochs, also of a run that is complete', async () => {
    await succeed([...THREE, '--run', 'run'])
    await succeed(['--resume', '--run', 'run', '--epochs', '5', '--quiet'])
    await succeed([...TINY_RUN, '--epochs', '5', '--quiet', '--run', 'whole'])
    await expectSameRuns('run', 'whole')
    expect(JSON.parse(readFileSync(path('run', 'config.json'), 'utf8')).options.epochs).toBe(5)
  })

  test('keeps what the run was told about its checkpoints and its data, and when it began', async () => {
    await succeed([...THREE, '--run', 'run', '--checkpoint-every', '4b', '--keep-checkpoints', '1', '--stop-after-epochs', '1'])
    const before = JSON.parse(readFileSync(path('run', 'config.json'), 'utf8'))
    await succeed(['--resume', '--run', 'run', '--quiet'])
    expect(JSON.parse(readFileSync(path('run', 'config.json'), 'utf8'))).toEqual(before)
    expect(checkpointsIn('run')).toEqual(['best.safetensors', 'epoch-00003.safetensors'])
    renameSync(path('data'), path('elsewhere'))
    const { code, stderr } = await run(['--resume', '--run', 'run'])
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^Error: .*data.*\n$/) })
    await succeed(['--resume', '--run', 'run', '--data', 'elsewhere', '--quiet'])
  })

  test('with --stop-after-epochs that is reached already does nothing', async () => {
    await succeed([...THREE, '--run', 'run', '--stop-after-epochs', '2'])
    const before = readFileSync(path('run', 'timing.jsonl'), 'utf8')
    const text = await succeed(['--resume', '--run', 'run', '--stop-after-epochs', '2'])
    expect(linesOf(text)[0]).toBe('There is nothing to do.')
    expect(text).toContain('2 of 3 are done')
    const events = eventsOf(await succeed(['--resume', '--run', 'run', '--stop-after-epochs', '1', '--json']))
    expect(events.map(({ type }) => type)).toEqual(['start', 'done'])
    expect(events.at(-1)).toMatchObject({ ended: 'stopped', run: 'run' })
    expect(readFileSync(path('run', 'timing.jsonl'), 'utf8')).toBe(before)
  })

  describe('is refused', () => {
    /** The one line on stderr. */
    async function refusal(args: readonly string[], expected = 1): Promise<string> {
      const { code, stdout, stderr } = await run(args)
      expect({ code, stdout }).toEqual({ code: expected, stdout: '' })
      return linesOf(stderr).join('\n')
    }

    test('with flags that contradict the checkpoint, and then nothing is changed', async () => {
      await succeed([...THREE, '--run', 'run', '--stop-after-epochs', '1'])
      const before = REPRODUCED.map((name) => readFileSync(path('run', name), 'utf8'))
      const resume = ['--resume', '--run', 'run']
      const file = join('run', 'checkpoints', 'epoch-00001.safetensors')
      for (const [flags, message] of [
        [['--learning-rate', '0.1'], `Expected 0.001 for --learning-rate, as in the checkpoint ${file}, but received 0.1.`],
        [['--hidden-size', '32'], `Expected 16 for --hidden-size, as in the checkpoint ${file}, but received 32.`],
        [['--model', 'x'], 'Expected --resume without --model but received both.'],
        [['--checkpoint-every', 'none'], 'Expected --resume without --checkpoint-every none but received both.'],
      ] as const) {
        expect(await refusal([...resume, ...flags], 2)).toContain(message)
      }
      expect(REPRODUCED.map((name) => readFileSync(path('run', name), 'utf8'))).toEqual(before)
      await succeed([...resume, '--learning-rate', '0.001', '--hidden-size', '16', '--seed', '1', '--quiet']) // These agree.
    })

    test('in the folder of another run, which keeps its files', async () => {
      await succeed([...THREE, '--run', 'run', '--stop-after-epochs', '1'])
      await succeed([...TINY_RUN, '--epochs', '1', '--seed', '2', '--checkpoint-every', 'none', '--run', 'other', '--quiet'])
      const files = readdirSync(path('other')).sort()
      const contents = () => files.map((name) => readFileSync(path('other', name), 'utf8'))
      const before = contents()
      for (const from of [join('run', 'checkpoints', 'epoch-00001.safetensors'), 'run']) {
        const message = `--resume ${from} contradicts --run: the checkpoint is not one of ${join('other', 'checkpoints')}.`
        expect(await refusal(['--resume', from, '--run', 'other'], 2)).toContain(message)
      }
      expect(readdirSync(path('other')).sort()).toEqual(files)
      expect(contents()).toEqual(before)
    })

    test('with other images, which are told apart by their content', async () => {
      await succeed([...THREE, '--run', 'run', '--stop-after-epochs', '1'])
      const model = readFileSync(path('run', 'model.safetensors'))
      const images = readFileSync(path('data', 'train-images-idx3-ubyte'))
      images[20_000] = 255 - (images[20_000] as number)
      writeFileSync(path('data', 'train-images-idx3-ubyte'), images)
      const { code, stderr } = await run(['--resume', '--run', 'run'])
      expect(code).toBe(1)
      expect(stderr).toMatch(
        new RegExp(
          `^Error: The training samples are not those of the checkpoint .*: expected ${TINY_TRAIN_SAMPLES} with SHA-256 [0-9a-f]{12}\\.\\.\\. but`,
        ),
      )
      expect(readFileSync(path('run', 'model.safetensors'))).toEqual(model) // The fresh model does not replace it.
      expect(readdirSync(path('run'))).not.toContain('run.lock')
    })

    test('without a run, without a checkpoint, for a checkpoint in no run, and while the run is at work', async () => {
      expect(await refusal(['--resume'])).toContain('There is no run in runs with a checkpoint. Name the folder of a run with --run.')
      expect(await refusal(['--resume', '--run', 'nowhere'])).toContain(`Cannot read ${join('nowhere', 'config.json')}: it does not exist`)
      await succeed([...TINY_RUN, '--epochs', '1', '--checkpoint-every', 'none', '--run', 'none', '--quiet'])
      expect(existsSync(path('none', 'checkpoints'))).toBe(false)
      expect(await refusal(['--resume', '--run', 'none'])).toContain('There is no checkpoint in none.')
      expect(await refusal(['--resume', 'best', '--run', 'none'])).toContain('no epoch has ended yet')
      await succeed([...THREE, '--run', 'run', '--stop-after-epochs', '1'])
      cpSync(path('run', 'checkpoints', 'epoch-00001.safetensors'), path('alone'))
      expect(await refusal(['--resume', 'alone'], 2)).toContain(
        'alone is not in the folder of a run. Expected <run>/checkpoints/<checkpoint>.',
      )
      const program = start([...TINY_RUN, '--epochs', '1000000', '--run', 'busy'])
      await program.line(/^Epoch : 01/)
      expect(await refusal(['--resume', '--run', 'busy'])).toContain(
        `busy is in use by another run: process ${program.pid} has been at work there`,
      )
      expect(await refusal([...TINY_RUN, '--run', 'busy'])).toContain('busy is in use by another run')
      await program.kill()
      await succeed(['--resume', '--run', 'busy', '--stop-after-epochs', '1', '--quiet']) // Its lock was left, but it has ended.
    })
  })
})

test('with another number of threads it goes on, and warns that the result will differ', async () => {
  await succeed([...TINY_RUN, '--epochs', '2', '--run', 'run', '--stop-after-epochs', '1', '--quiet'])
  const { code, stdout } = await run(['--resume', '--run', 'run', '--threads', '2', '--json'])
  expect(code).toBe(0)
  const warnings = eventsOfType(stdout, 'warning').map(({ message }) => message)
  expect(warnings.filter((message) => message.includes('bit for bit'))).toEqual([
    expect.stringContaining('the number of threads was 1 and is 2. The training goes on, but not bit for bit'),
  ])
})

describe('--stop-after-epochs', () => {
  test('leaves the test set for the end, and says how to go on', async () => {
    const text = await succeed([...TINY_RUN, '--epochs', '3', '--run', 'a run', '--stop-after-epochs', '1'])
    expect(text).not.toContain('Test')
    expect(text).toContain("rnn-mnist-train --resume --run 'a run'")
    expect(text).toContain('1 of 3 are done')
    const events = eventsOf(await succeed([...TINY_RUN, '--epochs', '3', '--run', 'run', '--stop-after-epochs', '1', '--json']))
    expect(events.map(({ type }) => type)).toEqual(['start', 'batch', 'epoch', 'model', 'checkpoint', 'done'])
    expect(events.at(-1)).toEqual({ type: 'done', ended: 'stopped', seconds: expect.any(Number), run: 'run' })
  })

  test('beyond the last epoch changes nothing', async () => {
    const stdout = await succeed([...TINY_RUN, '--epochs', '2', '--run', 'run', '--stop-after-epochs', '2', '--json'])
    expect(lastEvent(stdout, 'done')).toMatchObject({ ended: 'completed', testAccuracy: expect.any(Number) })
  })
})

describe('a training that diverges', () => {
  /** Without the first epochs at a low rate, there would be no good model: ten batches until the rate is too high. */
  const DIVERGING = [
    '--nonlinearity',
    'relu',
    '--num-layers',
    '8',
    '--learning-rate',
    '100',
    '--schedule',
    'warmup-cosine',
    '--epochs',
    '3',
  ]

  test('stops at the batch, and nothing that is not finite replaces a good file', async () => {
    const { code, stdout } = await run([...TINY_RUN, ...DIVERGING, '--run', 'run', '--json', '--log-interval', '1'])
    expect(code).toBe(1)
    const error = lastEvent(stdout, 'error')
    expect(error).toMatchObject({
      code: 'ERR_NOT_FINITE',
      message: expect.stringMatching(/^Epoch \d+: .* of batch \d+ is not finite .*(clip|lower|Lower)/),
    })
    expect(eventsOfType(stdout, 'evaluation')).toEqual([])
    const kept = eventsOfType(stdout, 'checkpoint')
    for (const { file } of kept) {
      if (existsSync(path(file))) await readCheckpoint(path(file)) // Refuses numbers that are not finite.
    }
    const latest = join(
      'run',
      'checkpoints',
      checkpointsIn('run')
        .filter((name) => name.startsWith('epoch'))
        .at(-1) as string,
    )
    const model = join('run', 'model.safetensors')
    expect(eventsOfType(stdout, 'warning').map(({ message }) => message)).toEqual([
      `Training ended early. The model as it is now was saved to ${model}. The latest checkpoint is ${latest}.`,
    ])
    await succeed(['evaluate', ...TINY_DATA, '--model', model, '--quiet']) // Warns of numbers that are not finite.
  })
})

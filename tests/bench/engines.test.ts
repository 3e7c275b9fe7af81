/** The benchmark of the engines: what it computes from what it measures, and that it runs. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { runModule } from '../support/bootstrap-modules'
import { REPOSITORY, runNode } from '../support/run-program'
import { useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()
const BENCH = join(REPOSITORY, 'scripts', 'bench', 'run.mjs')

interface Network {
  rows: number
  columns: number
  hiddenSize: number
  numLayers: number
  numClasses: number
}

/** Counts product by product what the formula adds up. */
function countOperations({ rows, columns, hiddenSize, numLayers, numClasses }: Network, batchSize: number): number {
  let total = 0
  const product = (outputs: number, inputs: number, needsGradientOfVector: boolean) => {
    total += 2 * outputs * inputs * (needsGradientOfVector ? 3 : 2)
  }
  for (let layer = 0; layer < numLayers; layer += 1) {
    for (let row = 0; row < rows; row += 1) {
      product(hiddenSize, layer === 0 ? columns : hiddenSize, layer > 0)
      if (row > 0) product(hiddenSize, hiddenSize, true)
    }
  }
  product(numClasses, hiddenSize, true)
  return batchSize * total
}

test('the operations of a step are those of its products', async () => {
  const networks = [
    { rows: 28, columns: 28, hiddenSize: 150, numLayers: 3, numClasses: 10 },
    { rows: 1, columns: 5, hiddenSize: 2, numLayers: 1, numClasses: 3 },
    { rows: 4, columns: 3, hiddenSize: 7, numLayers: 2, numClasses: 2 },
  ]
  const text = 'console.log(JSON.stringify(JSON.parse(args[0]).map((network) => operationsOfStep(network, 128))))'
  const computed = await runModule(['../bench/engines/step-operations.mjs'], text, [JSON.stringify(networks)])
  expect(computed).toEqual(networks.map((network) => countOperations(network, 128)))
})

test('ratios and parts of the peak are taken within each round', async () => {
  const measured = [
    { name: 'PyTorch', kind: 'pytorch', threads: 2, values: [20, 40] },
    { name: 'torch', kind: 'torch', threads: 2, values: [10, 20] },
    { name: 'wide', kind: 'peak', threads: 2, instructionSet: 'avx512', values: [200, 100] },
    { name: 'narrow', kind: 'peak', threads: 2, instructionSet: 'avx2', values: [100, 50] },
    { name: 'with loads', kind: 'loop', threads: 2, instructionSet: 'avx2', values: [50, 40] },
    { name: 'other threads', kind: 'peak', threads: 1, instructionSet: 'avx2', values: [1, 1] },
    { name: 'off', kind: 'fused', threads: 2, instructionSet: 'avx2', blankPrefix: false, values: [5, 10] },
    { name: 'on', kind: 'fused', threads: 2, instructionSet: 'avx2', blankPrefix: true, values: [4, 8] },
    { name: 'alone', kind: 'torch', threads: 3, values: [1, 1] },
  ]
  const text = 'console.log(JSON.stringify(summarize(JSON.parse(args[0]), 4e8)))'
  const summary = (await runModule(['../bench/engines/summary.mjs'], text, [JSON.stringify(measured)])) as Record<string, unknown>[]
  const of = (name: string) => summary.find((one) => one['name'] === name)
  expect(of('torch')).toMatchObject({ toPyTorch: { rounds: [2, 2] }, gflops: { low: 20, high: 40 }, ofPeak: { rounds: [20, 20] } })
  expect(of('torch')).not.toHaveProperty('toTorch')
  expect(of('off')).toMatchObject({ toPyTorch: { rounds: [4, 4] }, toTorch: { median: 2 }, ofPeak: { rounds: [80, 80] } })
  expect(of('on')).toMatchObject({ toPyTorch: { median: 5 } })
  expect(of('on')).not.toHaveProperty('gflops')
  expect(of('alone')).not.toHaveProperty('ofPeak')
  expect(of('alone')).not.toHaveProperty('toPyTorch')
  expect(of('wide')).toMatchObject({ gflops: { median: 150 } })
  expect(of('with loads')).toMatchObject({ gflops: { low: 40, high: 50 }, ofPeak: { rounds: [50, 80] } })
  expect(of('with loads')).not.toHaveProperty('ms')
})

test('programs that train something else are refused, and so are answers without a time', async () => {
  const text = `
    const messages = []
    const tried = (action) => { try { action(); messages.push('') } catch (error) { messages.push(error.message) } }
    const engine = (kind, firstLoss) => ({ name: kind + firstLoss, kind, firstLoss })
    tried(() => checkSameTraining([engine('torch', 2.3), engine('fused', 2.3001), engine('peer', 2.4), engine('peer', undefined)]))
    tried(() => checkSameTraining([engine('torch', 2.3), engine('fused', 2.302)]))
    tried(() => checkSameTraining([engine('peer', 2.3), engine('peer', 2.4)]))
    tried(() => parsePeerAnswer('JAX', '{"ms_per_step": 3}'))
    for (const line of ['', 'null', '{"ms_per_step": 0}', '{"ms_per_step": "3"}']) tried(() => parsePeerAnswer('JAX', line))
    console.log(JSON.stringify(messages))
  `
  const [same, ...others] = (await runModule(['../bench/engines/contestants.mjs'], text)) as string[]
  expect(same).toBe('')
  const time = expect.stringMatching(
    /^Expected (?:a number of milliseconds as ms_per_step of|a line of JSON at the end of).* the peer JAX /,
  )
  const losses = (first: string, second: string) => expect.stringMatching(`the same losses but ${first} begins .*, and ${second} with`)
  expect(others).toEqual([losses('torch2.3', 'fused2.302'), losses('peer2.3', 'peer2.4'), '', time, time, time, time])
})

test('it measures engines, the peak and another program, and keeps what it found', async () => {
  const json = path('results.json')
  const setting = ['--threads', '1', '--steps', '2', '--rounds', '2', '--batch-size', '8', '--blank-prefix', 'off', '--json', json]
  const peer = `other=sh -c 'echo a line; echo "{\\"ms_per_step\\": $0}"'`
  const outcome = await runNode([BENCH, 'engines', ...setting, '--peer', peer])
  expect(outcome).toMatchObject({ code: 0 })
  const { measured, operations, tables } = JSON.parse(readFileSync(json, 'utf8'))
  const values = (kind: string) =>
    measured.filter((one: { kind: string }) => one.kind === kind).map((one: { values: number[] }) => one.values)
  expect(values('peer')).toEqual([[2, 2]]) // The number of steps, which the program has repeated.
  for (const kind of ['torch', 'fused']) expect(values(kind)[0]).toEqual([expect.any(Number), expect.any(Number)])
  for (const [first, second] of [...values('torch'), ...values('fused'), ...values('peak'), ...values('loop')])
    expect(Math.min(first, second)).toBeGreaterThan(0)
  expect(operations).toBe(countOperations({ rows: 28, columns: 28, hiddenSize: 150, numLayers: 3, numClasses: 10 }, 8))
  expect(tables[0]).toHaveLength(measured.length + 1)
})

test('options that mean nothing are refused before anything is measured', async () => {
  for (const wrong of [
    ['--peer', 'JAX'],
    ['--engines', 'quick'],
    ['--threads', '0'],
    ['--instruction-sets', 'sse9'],
  ]) {
    const { code, stderr, stdout } = await runNode([BENCH, 'engines', ...wrong])
    expect({ wrong, code, stdout }).toEqual({ wrong, code: 2, stdout: '' })
    expect(stderr).toContain('Expected')
  }
})

/** What benchmarks kept becomes tables and plots in a document. */
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { REPOSITORY, runNode } from '../support/run-program'
import { useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()
const BENCH = join(REPOSITORY, 'scripts', 'bench', 'run.mjs')
const OF_ACCURACY = ['recipes', 'time-to-accuracy', 'saturation-and-memory']
const BENCHMARKS = ['engines', 'sweeps', 'neighbours', 'inference', 'training', 'event-loop', 'start-up']

const machine = { cpu: 'A processor', cores: 2, memoryBytes: 2 ** 33, system: 'linux-x64 6.1', load: 0, node: '20.19.0', addon: 'libtorch' }
const spread = (median: number) => ({ median, low: median / 2, high: median * 2 })

/** Results as a benchmark writes them, with what its plots need. */
function resultsOf(benchmark: string): object {
  const tables = [
    [
      [`a title of ${benchmark}`, 'ms'],
      ['|engine|', '1.00'],
    ],
  ]
  const sizes = [1, 40, 60_000].map((value) => ({
    ...{ sweep: 'hidden', value, batchSize: 32 },
    ms: { torch: spread(0.02 * value), fused: spread(0.01 * value) },
  }))
  const contestants = [
    { name: 'engine torch', kind: 'torch', threads: 1, toPyTorch: spread(9) },
    { name: 'engine torch', kind: 'torch', threads: 2, toPyTorch: spread(1.25) },
    { name: 'engine fused & more', kind: 'fused', threads: 2, toPyTorch: spread(4.5) },
  ]
  const summary = { engines: contestants, sweeps: sizes }[benchmark]
  return { benchmark, machine, options: { rounds: 3 }, summary, titles: { hidden: 'hidden size' }, tables }
}

function writeResults(benchmark: string): string {
  writeFileSync(path(`${benchmark}.json`), JSON.stringify(resultsOf(benchmark)))
  return path(`${benchmark}.json`)
}

function writeDocument(...files: string[]) {
  return runNode([BENCH, 'document', ...files, '--output', path('performance.md')])
}

beforeEach(() => {
  for (const document of ['performance.md', 'accuracy.md']) copyFileSync(join(REPOSITORY, 'docs', document), path(document))
})

test('docs/performance.md has a place for the results of each benchmark, and they replace earlier ones', async () => {
  const files = BENCHMARKS.map(writeResults)
  expect(await writeDocument(...files)).toMatchObject({ code: 0, stdout: '' })
  const once = readFileSync(path('performance.md'), 'utf8')
  for (const benchmark of BENCHMARKS) expect(once).toContain(`| a title of ${benchmark} | ms |\n|---|---:|\n| \\|engine\\| | 1.00 |`)
  expect(once).toContain('A processor, 2 cores, 8 GiB, linux-x64, Node 20.19.0, libtorch. Rounds: 3; median (smallest to largest).')
  // What was measured on another processor stays: no benchmark writes these places unless it is told to.
  const ofAnotherProcessor = /<!-- results of ([a-z-]+-avx2) -->.*?<!-- end of \1 -->/gs
  expect(once.replace(ofAnotherProcessor, '')).not.toContain('these figures are rough')
  await writeDocument(...files)
  expect(readFileSync(path('performance.md'), 'utf8')).toBe(once)
  const busy = { ...resultsOf('engines'), machine: { ...machine, load: 1.5 } }
  writeFileSync(path('engines.json'), JSON.stringify(busy))
  await writeDocument(path('engines.json'))
  expect(readFileSync(path('performance.md'), 'utf8').replace(ofAnotherProcessor, '')).toContain('these figures are rough')
})

test('the plots of a further place have names of their own', async () => {
  const file = writeResults('engines')
  expect(await runNode([BENCH, 'document', file, '--output', path('performance.md'), '--section', 'engines-avx2'])).toMatchObject({
    code: 0,
  })
  expect(readdirSync(path('performance'))).toEqual(['engines-avx2.svg'])
  expect(readFileSync(path('performance.md'), 'utf8')).toContain('(performance/engines-avx2.svg)\n\n<!-- end of engines-avx2 -->')
})

test('docs/accuracy.md has a place for the results of each benchmark, and further ones by name', async () => {
  const method = 'Data: MNIST. Seeds: 1 to 5.'
  const output = ['--output', path('accuracy.md')]
  for (const benchmark of OF_ACCURACY) {
    const { machine: where, ...results } = { ...resultsOf(benchmark), machine: { ...machine, load: 2 }, method }
    writeFileSync(
      path(`${benchmark}.json`),
      JSON.stringify(benchmark === 'saturation-and-memory' ? results : { ...results, machine: where }),
    )
    expect(await runNode([BENCH, 'document', path(`${benchmark}.json`), ...output])).toMatchObject({ code: 0, stderr: '' })
    const begin = benchmark === 'saturation-and-memory' ? '' : 'A processor, 2 cores, 8 GiB, linux-x64, Node 20.19.0, libtorch. '
    const busy = begin === '' ? '' : ' **Other programs were running meanwhile, so the times are rough.**'
    const [before, after] = readFileSync(path('accuracy.md'), 'utf8').split(
      `<!-- results of ${benchmark} -->\n\n${begin}${method}${busy}\n`,
    )
    expect(before).toContain('# How accurate it is')
    expect(after).toContain(`| a title of ${benchmark} | ms |`)
  }
  for (const section of ['changes', 'fashion-mnist', 'tanh']) {
    expect(await runNode([BENCH, 'document', path('recipes.json'), ...output, '--section', section])).toMatchObject({ code: 0 })
    expect(readFileSync(path('accuracy.md'), 'utf8')).toContain(`<!-- results of ${section} -->\n\nA processor`)
  }
  const two = [path('recipes.json'), path('time-to-accuracy.json')]
  const { code, stderr } = await runNode([BENCH, 'document', ...two, ...output, '--section', 'tanh'])
  expect({ code, stderr }).toEqual({ code: 1, stderr: 'Expected one file for --section tanh but received 2.\n' })
})

test('plots say what they show, in words too, and readers of SVG take them', async () => {
  await writeDocument(writeResults('engines'), writeResults('sweeps'))
  const document = readFileSync(path('performance.md'), 'utf8')
  const growth = readFileSync(path('performance', 'hidden-32.svg'), 'utf8')
  const comparison = readFileSync(path('performance', 'engines.svg'), 'utf8')
  expect(document).toContain('![Time of a training step by hidden size, batch size 32](performance/hidden-32.svg)')
  expect(growth).toContain(
    '<desc>torch: 0.02 ms at 1, 0.8 ms at 40, 1,200 ms at 60,000. fused: 0.01 ms at 1, 0.4 ms at 40, 600 ms at 60,000.</desc>',
  )
  for (const text of ['hidden size →', '↑ milliseconds a training step', '>torch</text>', '>fused</text>', 'prefers-color-scheme: dark'])
    expect(growth).toContain(text)
  expect(document).toContain('](performance/engines.svg)')
  expect(comparison).toContain('<desc>PyTorch eager, Python: 1.00, engine torch: 1.25, engine fused &amp; more: 4.50.</desc>')
  expect(comparison).not.toContain('9.00') // That was another number of threads.
  for (const svg of [growth, comparison]) expect((await sharp(Buffer.from(svg)).metadata()).width).toBe(640)
})

test('other files are refused', async () => {
  writeFileSync(path('other.json'), '{"benchmark": "steps"}')
  const unknown = { ...resultsOf('engines'), benchmark: 'unknown' }
  writeFileSync(path('unknown.json'), JSON.stringify(unknown))
  for (const [file, message] of [
    ['missing.json', 'ENOENT'],
    ['other.json', 'with its tables'],
    ['unknown.json', 'Expected the comments "<!-- results of unknown -->"'],
  ] as const) {
    const { code, stderr } = await writeDocument(path(file))
    expect({ file, code }).toEqual({ file, code: 1 })
    expect(stderr).toContain(message)
  }
})

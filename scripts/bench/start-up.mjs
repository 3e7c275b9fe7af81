/**
 * How long a user waits before anything happens: whole processes, in turns with an empty one (`node -e 0`), which is what no program can
 * do without. The promise is `--version` within 100 ms and a first model within 400 ms, on a machine that does nothing else.
 */
import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'

const DIST = join(dirname(dirname(import.meta.dirname)), 'dist')
const MODEL = `const { ImageRNN } = require(${JSON.stringify(join(DIST, 'index.js'))}); new ImageRNN({ device: 'cpu' }).dispose()`

/** What is started, and within how many milliseconds it is promised to end. */
const CASES = [
  { name: 'node -e 0', args: ['-e', '0'] },
  { name: 'rnn-mnist-train --version', args: [join(DIST, 'cli', 'main.js'), '--version'], promisedMs: 100 },
  { name: 'rnn-mnist-train --help', args: [join(DIST, 'cli', 'main.js'), '--help'] },
  { name: 'import the package', args: ['-e', MODEL.split(';')[0]] },
  { name: 'a first model', args: ['-e', MODEL], promisedMs: 400 },
]

function measure(args) {
  const started = performance.now()
  const { status, stderr } = spawnSync(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' })
  if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}: ${stderr}`)
  return performance.now() - started
}

function median(values) {
  const sorted = values.toSorted((a, b) => a - b)
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2
}

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '15' } } })
const times = CASES.map(() => [])
for (const { args } of CASES) measure(args) // Into the file cache.
for (let round = 0; round < Number(values.rounds); round += 1) {
  CASES.forEach(({ args }, index) => {
    times[index].push(measure(args))
  })
}
console.log(`Node ${process.versions.node}, medians of ${values.rounds} rounds, in turns`)
CASES.forEach(({ name, promisedMs }, index) => {
  const time = median(times[index])
  const promise = promisedMs === undefined ? '' : `; promised: ${promisedMs} ms${time <= promisedMs ? '' : ' - broken'}`
  const more = index === 0 ? '' : `, ${(time - median(times[0])).toFixed(0)} ms more than an empty process`
  console.log(
    `${name}: ${time.toFixed(0)} ms (${Math.min(...times[index]).toFixed(0)} to ${Math.max(...times[index]).toFixed(0)})${more}${promise}`,
  )
})

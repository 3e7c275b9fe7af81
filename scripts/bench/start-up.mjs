/**
 * How long a user waits before anything happens: from the start of a process until it has printed something, in turns with an empty one
 * (`node -e`), which is what no program can do without. The promise is `--version` within 100 ms and a first model within
 * 400 ms, on a machine that does nothing else and starts an empty process in some 40 ms.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'

const DIST = join(dirname(dirname(import.meta.dirname)), 'dist')
const IMPORT = `const { ImageRNN } = require(${JSON.stringify(join(DIST, 'index.js'))})`
const SAY_SO = "require('node:fs').writeSync(1, 'ready')"

/** What is started, and within how many milliseconds it is promised to end. */
const CASES = [
  { name: 'an empty process', args: ['-e', SAY_SO] },
  { name: 'rnn-mnist-train --version', args: [join(DIST, 'cli', 'main.js'), '--version'], promisedMs: 100 },
  { name: 'rnn-mnist-train --help', args: [join(DIST, 'cli', 'main.js'), '--help'] },
  { name: 'import the package', args: ['-e', `${IMPORT}; ${SAY_SO}`] },
  { name: 'a first model', args: ['-e', `${IMPORT}; new ImageRNN({ device: 'cpu' }).dispose(); ${SAY_SO}`], promisedMs: 400 },
]

async function measure(args) {
  const started = performance.now()
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let printed
  child.stdout.once('data', () => {
    printed = performance.now()
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}`)
  return (printed ?? performance.now()) - started
}

function median(values) {
  const sorted = values.toSorted((a, b) => a - b)
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2
}

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '15' } } })
const times = CASES.map(() => [])
for (const { args } of CASES) await measure(args) // Into the file cache.
for (let round = 0; round < Number(values.rounds); round += 1) {
  for (const [index, { args }] of CASES.entries()) times[index].push(await measure(args))
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

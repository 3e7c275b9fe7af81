/**
 * How long a user waits before anything happens: from the start of a process until it has printed something. Takes turns with an empty
 * process (`node -e`), the least that any program needs. The promise is `--version` within 100 ms and a first model within
 * 400 ms, on an otherwise idle machine that starts an empty process in some 40 ms.
 */
import { once } from 'node:events'
import { join } from 'node:path'
import { Command } from 'commander'
import { BenchError } from './bench-error.mjs'
import { describeMachine, PROGRAM } from './machine.mjs'
import { inTurns, median, spread } from './measure.mjs'
import { engineOption, jsonOption, roundsOption } from './options.mjs'
import { start } from './processes.mjs'
import { checkResultsFile, showSpread, writeResults } from './report.mjs'

const PACKAGE = join(import.meta.dirname, '..', '..', 'dist', 'index.js')
const IMPORT = `const { ImageRNN } = require(${JSON.stringify(PACKAGE)})`
const SAY_SO = "require('node:fs').writeSync(1, 'ready')"

/** What is started, and the promised number of milliseconds in which it ends. */
function casesFor(engine) {
  const model = `${IMPORT}; new ImageRNN({ device: 'cpu', engine: ${JSON.stringify(engine)} }).dispose(); ${SAY_SO}`
  return [
    { name: 'an empty process', args: ['-e', SAY_SO] },
    { name: 'rnn-mnist-train --version', args: [PROGRAM, '--version'], promisedMs: 100 },
    { name: 'rnn-mnist-train --help', args: [PROGRAM, '--help'] },
    { name: 'import the package', args: ['-e', `${IMPORT}; ${SAY_SO}`] },
    { name: `a first model, engine ${engine}`, args: ['-e', model], promisedMs: 400 },
  ]
}

async function measure(args) {
  const started = performance.now()
  const child = start(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let printed
  child.stdout.once('data', () => {
    printed = performance.now()
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new BenchError(`${args.join(' ')} ended with ${code}; its own message is above.`)
  return (printed ?? performance.now()) - started
}

async function run(options) {
  checkResultsFile(options.json)
  const { rounds, engine } = options
  const machine = await describeMachine()
  const cases = casesFor(engine)
  const contestants = cases.map(({ name, args }) => ({
    name,
    warmUp: () => measure(args), // Fills the file cache.
    measure: () => measure(args),
  }))
  const times = await inTurns(rounds, contestants)
  console.log(`Medians of ${rounds} rounds, in turns`)
  cases.forEach(({ name, promisedMs }, index) => {
    const time = median(times[index])
    const promise = promisedMs === undefined ? '' : `; promised: ${promisedMs} ms${time <= promisedMs ? '' : ' - broken'}`
    const more = index === 0 ? '' : `, ${(time - median(times[0])).toFixed(0)} ms more than an empty process`
    const { low, high } = spread(times[index])
    console.log(`${name}: ${time.toFixed(0)} ms (${low.toFixed(0)} to ${high.toFixed(0)})${more}${promise}`)
  })
  const measured = cases.map(({ name }, index) => ({ name, ms: times[index] }))
  const rows = measured.map(({ name, ms }) => [name, showSpread(spread(ms), 0)])
  writeResults(options.json, {
    benchmark: 'start-up',
    machine,
    options,
    measured,
    tables: [[['from start to first output', 'ms'], ...rows]],
  })
}

export function startUpCommand() {
  return new Command('start-up')
    .summary('how long --version and a first model take, against an empty process')
    .addOption(engineOption())
    .addOption(roundsOption(15))
    .addOption(jsonOption())
    .action(run)
}

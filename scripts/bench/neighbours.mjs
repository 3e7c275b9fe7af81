/**
 * The time of a training step while something else runs: other models, threads, processes, or libraries with threads of their own. Takes
 * turns with a model that runs alone. Each engine is measured, since each has threads of its own, which wait in their own way.
 *
 * Each measurement has its own process (neighbour-case.mjs), so that nothing a neighbour leaves behind affects the next case.
 */
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { Command } from 'commander'
import { setUp } from '../bootstrap/set-up.mjs'
import { neighbourPackages } from '../bootstrap/steps/packages.mjs'
import { BenchError } from './bench-error.mjs'
import { describeMachine } from './machine.mjs'
import { inTurns, ratios, spread } from './measure.mjs'
import { enginesOption, integerOption, jsonOption, namesOption, roundsOption } from './options.mjs'
import { start } from './processes.mjs'
import { checkResultsFile, showSpread, table, writeResults } from './report.mjs'
import { msPerStep } from './train-steps.mjs'

const BATCH_SIZE = 128
const DIGITS = 2
/** The number that libtorch chooses. */
const DEFAULT = 0

/**
 * The cases. `threads`: of each model. `beside` counts what else uses cores at the same time: each of `models` as many threads as the measured
 * model, each of `cores` one, each of `pools` as many as libtorch chooses.
 */
const CASES = [
  { name: 'alone', text: 'a model alone', scenario: 'alone', threads: DEFAULT },
  { name: 'two-models', text: 'two models at once', scenario: 'together', threads: DEFAULT, beside: { models: 1 } },
  { name: 'after-another', text: 'after another one, still alive', scenario: 'afterAnother', threads: DEFAULT },
  { name: 'worker', text: 'in a worker thread', scenario: 'inWorker', threads: DEFAULT },
  { name: 'worker-and-main', text: 'worker and main thread at once', scenario: 'workerAndMain', threads: DEFAULT, beside: { models: 1 } },
  { name: 'two-processes', text: 'two processes at once', scenario: 'processes', threads: DEFAULT, beside: { models: 1 } },
  { name: 'busy-process', text: 'beside a busy process', scenario: 'besideBusyProcess', threads: DEFAULT, beside: { cores: 1 } },
  { name: 'onnxruntime', text: 'beside onnxruntime-node', scenario: 'besideInference', threads: DEFAULT, beside: { pools: 1 } },
  { name: 'alone-1', text: 'a model alone, 1 thread', scenario: 'alone', threads: 1 },
  { name: 'two-models-1', text: 'two models at once, 1 thread each', scenario: 'together', threads: 1, beside: { models: 1 } },
  { name: 'worker-and-main-1', text: 'worker and main, 1 thread each', scenario: 'workerAndMain', threads: 1, beside: { models: 1 } },
  { name: 'two-processes-1', text: 'two processes at once, 1 thread each', scenario: 'processes', threads: 1, beside: { models: 1 } },
]

const NAMES = CASES.map(({ name }) => name)

/** The case without a neighbour to compare a case with. */
function baseOf({ threads }) {
  return CASES.find((one) => one.scenario === 'alone' && one.threads === threads)
}

async function measureCase({ name, scenario, threads, engine }, { steps }) {
  const setting = JSON.stringify({ threads, steps, engine, batchSize: BATCH_SIZE })
  const program = join(import.meta.dirname, 'neighbour-case.mjs')
  const child = start(process.execPath, [program, scenario, setting], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [answer, [code]] = await Promise.all([text(child.stdout), once(child, 'close')])
  if (code !== 0) throw new BenchError(`The case ${name} ended with ${code}; its own message is above.`)
  return JSON.parse(answer)
}

/**
 * The ratio to the time alone if the cores were shared fairly and without loss: threads wanted divided by cores. The number of threads that
 * libtorch chooses counts as the number of cores, since a core's second hardware thread does not make it two cores.
 */
function idealRatio({ threads, beside }, cores) {
  const own = threads === DEFAULT ? cores : threads
  const { models = 0, cores: busyCores = 0, pools = 0 } = beside ?? {}
  return Math.max(1, (own * (1 + models) + busyCores + pools * cores) / cores)
}

/** Every case on every engine. */
function casesOn(engines, cases) {
  return engines.flatMap((engine) => cases.map((one) => ({ ...one, engine })))
}

function summarize(cases, results, cores, engines) {
  const times = results.map((rounds) => rounds.map((result) => msPerStep(result, BATCH_SIZE)))
  const timesOf = (name, engine) => times[cases.findIndex((one) => one.name === name && one.engine === engine)]
  return cases.map((one, index) => ({
    name: one.name,
    text: one.text,
    engine: one.engine,
    msPerStep: spread(times[index]),
    ratio: ratios(times[index], timesOf(baseOf(one)?.name, one.engine)),
    ideal: idealRatio(one, cores),
    // How much faster the first engine makes it, which is 1 for itself.
    timesAsFast: ratios(timesOf(one.name, engines[0]), times[index]),
  }))
}

function rowsOf(summary, engines) {
  const rows = summary.map(({ text, engine, msPerStep: ms, ratio, ideal, timesAsFast }) => {
    const cells = [text, engine, showSpread(ms, DIGITS), showSpread(ratio, DIGITS), ideal.toFixed(DIGITS)]
    return engines.length === 1 ? cells : [...cells, engine === engines[0] ? '' : showSpread(timesAsFast, DIGITS)]
  })
  const head = ['', 'engine', 'ms a step', 'ratio to alone', 'ideal']
  return [engines.length === 1 ? head : [...head, `times as fast as ${engines[0]}`], ...rows]
}

async function run(options) {
  checkResultsFile(options.json)
  const { engines } = options
  const chosen = CASES.filter(({ name }) => options.cases.includes(name))
  const cases = CASES.filter((one) => chosen.some((other) => other === one || baseOf(other) === one || one.name === 'alone'))
  if (cases.some(({ scenario }) => scenario === 'besideInference')) await setUp([neighbourPackages])
  const machine = await describeMachine()
  const all = casesOn(engines, cases)
  const contestants = all.map((one) => ({ name: `${one.text}, engine ${one.engine}`, measure: () => measureCase(one, options) }))
  const results = await inTurns(options.rounds, contestants)
  const cores = results[all.findIndex(({ name }) => name === 'alone')][0].threads
  const summary = summarize(all, results, cores, engines)
  console.log(`\nSteps: ${options.steps} over all of MNIST; batch size: ${BATCH_SIZE}; threads that libtorch chooses: ${cores}.`)
  console.log('When two train at once, the time runs until both are done. The ideal ratio assumes that cores are shared without loss.')
  console.log(`Rounds: ${options.rounds}; median (smallest to largest).\n`)
  const rows = rowsOf(summary, engines)
  console.log(table(rows))
  const measured = all.map(({ name, engine }, index) => ({ name, engine, rounds: results[index] }))
  writeResults(options.json, { benchmark: 'neighbours', machine, options, measured, summary, tables: [rows] })
}

export function neighboursCommand() {
  return new Command('neighbours')
    .summary('the time of a training step beside other models, threads, processes and native packages, against a model alone')
    .addOption(namesOption('cases', 'which ones, besides those that they are compared with', NAMES))
    .addOption(integerOption('steps', 'steps that are measured in a round', 50))
    .addOption(roundsOption(5))
    .addOption(enginesOption())
    .addOption(jsonOption())
    .addHelpText('after', `\nCases: ${NAMES.join(', ')}`)
    .action(run)
}

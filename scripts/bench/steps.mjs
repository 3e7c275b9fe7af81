/**
 * The time of a training step with data sets of different sizes, in this package and in the same loop in Python, in turns. A step does the
 * same work whatever the size of the data set: if its time grows with the size, something is wrong.
 *
 * Each size has its own process on each side, which lives through all rounds, so that a large data set does not affect the small ones.
 */
import { join } from 'node:path'
import { Command } from 'commander'
import { describeMachine, findPython } from './machine.mjs'
import { inTurns, ratios, spread } from './measure.mjs'
import { engineOption, integerOption, integersOption, jsonOption, pythonOption, roundsOption, threadsOption } from './options.mjs'
import { Responder, startResponder } from './processes.mjs'
import { checkResultsFile, showSpread, table, writeResults } from './report.mjs'
import { msPerStep } from './train-steps.mjs'

const FOLDER = import.meta.dirname
const ALL_IMAGES = 60_000
/** Libraries, caches and clocks are warm after these. */
const WARM_UP_STEPS = 20
const DIGITS = 2

/** The programs that take turns: for each size this package, then Python if there is one. */
function programs({ sizes, batchSize, threads, engine }, python) {
  return sizes.flatMap((samples) => {
    const setting = JSON.stringify({ samples, batchSize, threads, engine })
    const ours = { side: 'addon', command: [process.execPath, join(FOLDER, 'addon-loop.mjs'), setting] }
    const theirs = { side: 'python', command: [python, '-B', join(FOLDER, 'python_loop.py'), setting] }
    return (python === undefined ? [ours] : [ours, theirs]).map((program) => ({ ...program, samples }))
  })
}

/** Measures every program in turns. Returns each with its answers. */
async function measure(options, python) {
  const { rounds, steps } = options
  const entries = programs(options, python)
  const responders = []
  const contestants = entries.map(({ side, samples, command }, index) => ({
    name: `${side}, ${samples} images`,
    warmUp: () => {
      responders[index] = new Responder(`${side} (${samples} images)`, startResponder(command[0], command.slice(1)))
      return responders[index].ask({ steps: WARM_UP_STEPS })
    },
    measure: () => responders[index].ask({ steps }),
  }))
  try {
    const answers = await inTurns(rounds, contestants)
    return entries.map(({ side, samples }, index) => ({ side, samples, answers: answers[index] }))
  } finally {
    await Promise.allSettled(responders.map((responder) => responder.end()))
  }
}

/** For each size: the time per step on both sides, their ratio, and the ratio of this package's time to that for the first size. */
function summarize(measured, { sizes, batchSize }) {
  const times = (side, samples) =>
    measured.find((one) => one.side === side && one.samples === samples)?.answers.map((answer) => msPerStep(answer, batchSize))
  return sizes.map((samples) => {
    const [ours, theirs] = [times('addon', samples), times('python', samples)]
    return {
      samples,
      addonMs: spread(ours),
      addonGrowth: ratios(ours, times('addon', sizes[0])),
      ...(theirs && { pythonMs: spread(theirs), pythonGrowth: ratios(theirs, times('python', sizes[0])), ratio: ratios(ours, theirs) }),
    }
  })
}

function show(summary, first) {
  const hasPython = summary[0].pythonMs !== undefined
  const head = ['images', 'addon, ms a step', `to ${first} images`]
  const rows = summary.map(({ samples, addonMs, addonGrowth, pythonMs, pythonGrowth, ratio }) => {
    const ours = [String(samples), showSpread(addonMs, DIGITS), showSpread(addonGrowth, DIGITS)]
    return hasPython ? [...ours, showSpread(pythonMs, DIGITS), showSpread(pythonGrowth, DIGITS), showSpread(ratio, DIGITS)] : ours
  })
  console.log(table([hasPython ? [...head, 'Python, ms a step', `to ${first} images`, 'addon / Python'] : head, ...rows]))
}

async function run(options) {
  checkResultsFile(options.json)
  const found = options.python === undefined ? undefined : findPython(options.python)
  const machine = await describeMachine()
  const measured = await measure(options, found?.python)
  const threads = measured.slice(0, 2).map(({ side, answers }) => `${side} ${answers[0].threads}`)
  const { steps, batchSize, rounds } = options
  console.log(`\nSteps: ${steps}; batch size: ${batchSize}; threads: ${threads.join(', ')}.`)
  console.log(`Rounds: ${rounds}; median (smallest to largest).\n`)
  const summary = summarize(measured, options)
  show(summary, options.sizes[0])
  writeResults(options.json, { benchmark: 'steps', machine, python: found, options, measured, summary })
}

export function stepsCommand() {
  return new Command('steps')
    .summary('the time of a training step over data sets of different sizes, and of the same loop in Python where one is given')
    .addOption(pythonOption('a Python with torch and numpy (default: none, this package alone)'))
    .addOption(
      integersOption('sizes', 'images in the data sets; each has a process a side', [1000, 5000, 12_800, 32_000, 33_500, ALL_IMAGES], {
        max: ALL_IMAGES,
      }),
    )
    .addOption(integerOption('steps', 'steps that are measured in a round, for every size', 100))
    .addOption(integerOption('batch-size', 'images a step', 128, { max: 65_536 }))
    .addOption(roundsOption(5))
    .addOption(threadsOption())
    .addOption(engineOption())
    .addOption(jsonOption())
    .action(run)
}

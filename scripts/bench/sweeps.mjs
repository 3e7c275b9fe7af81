/**
 * How the time of a training step grows with one size of the work while the others stay as in the tutorial: both engines, in turns. Without
 * the shared blank prefix, so as on images that have no blank rows. Where the fused engine is slower, a line says so: `auto` must choose
 * the other one there.
 */
import { availableParallelism } from 'node:os'
import { Command } from 'commander'
import { ADDON_LOOP, fusedVariables, Programs } from './engines/contestants.mjs'
import { chooseInstructionSets, INSTRUCTION_SETS } from './engines/instruction-sets.mjs'
import { describeMachine } from './machine.mjs'
import { inTurns, ratios, spread } from './measure.mjs'
import {
  enginesOption,
  integerOption,
  integersOption,
  jsonOption,
  nameOption,
  namesOption,
  roundsOption,
  threadsOption,
} from './options.mjs'
import { checkResultsFile, showSpread, table, withProgress, writeResults } from './report.mjs'
import { msPerStep } from './train-steps.mjs'

/** The work that all sweeps have in common, of which each changes one size. 12,800 images are 100 batches. */
const USUAL = { hiddenSize: 150, numLayers: 3, rows: 28, samples: 12_800, batchSize: 128 }
const ALL_IMAGES = 60_000
const SMALL_BATCHES = [32, 1]

/** What a step costs before its time is known. */
const TRIAL_STEPS = 3
const FEWEST_STEPS = 5
const MOST_STEPS = 5000
const DIGITS = 2

/** Powers of two below the number of cores, and that number. */
function threadCounts(cores) {
  const powers = Array.from({ length: Math.ceil(Math.log2(cores)) }, (_, exponent) => 2 ** exponent)
  return [...powers, cores]
}

/** The sweeps: what grows, and the sizes it has. */
const SWEEPS = {
  hidden: { title: 'hidden size', size: 'hiddenSize', values: [32, 64, 128, 150, 151, 256, 512] },
  layers: { title: 'layers', size: 'numLayers', values: [1, 2, 3, 4, 6] },
  batch: { title: 'batch size', size: 'batchSize', values: [1, 8, 32, 128, 512] },
  steps: { title: 'rows of an image (time steps)', size: 'rows', values: [7, 14, 28, 56, 112] },
  images: { title: 'images in the data set', size: 'samples', values: [1280, 5120, 12_800, 32_000, ALL_IMAGES] },
  threads: { title: 'threads', size: 'threads', values: threadCounts(availableParallelism()) },
}
const NAMES = Object.keys(SWEEPS)

/** The settings of a sweep: one for each value, and for hidden sizes also with each smaller batch size. */
function settingsOf(name, usual, batchSizes) {
  const { size, values } = SWEEPS[name]
  const batches =
    name === 'hidden' ? [usual.batchSize, ...batchSizes.filter((batchSize) => batchSize !== usual.batchSize)] : [usual.batchSize]
  return batches.flatMap((batchSize) => values.map((value) => ({ sweep: name, value, setting: { ...usual, batchSize, [size]: value } })))
}

/** A model of one engine in one setting. It measures as many steps as take the wanted time. */
function contestantOf(programs, engine, { sweep, value, setting }, { milliseconds, instructionSet }) {
  const env = engine === 'fused' ? fusedVariables(instructionSet, false) : {}
  const ask = async (steps) => {
    const program = programs.get(`engine ${engine}`, process.execPath, [ADDON_LOOP, JSON.stringify({ ...USUAL, engine })], env)
    return msPerStep(await program.ask({ steps, ...setting }), setting.batchSize)
  }
  let steps = FEWEST_STEPS
  return {
    name: `engine ${engine}, ${SWEEPS[sweep].title} ${value}${sweep === 'batch' ? '' : `, batch size ${setting.batchSize}`}`,
    warmUp: async () => {
      await ask(TRIAL_STEPS)
      steps = Math.min(MOST_STEPS, Math.max(FEWEST_STEPS, Math.ceil(milliseconds / (await ask(FEWEST_STEPS)))))
    },
    measure: () => ask(steps),
  }
}

/** Each setting once, though several sweeps may have it. Returns of each the times of each engine, round by round. */
async function measure(cases, options) {
  const programs = new Programs()
  const keyOf = ({ setting }) => JSON.stringify(setting)
  const different = Array.from(new Map(cases.map((one) => [keyOf(one), one])).values())
  const contestants = different.flatMap((one) => options.engines.map((engine) => contestantOf(programs, engine, one, options)))
  try {
    const times = await inTurns(options.rounds, contestants)
    const { engines } = options
    return cases.map((one) => {
      const first = different.findIndex((other) => keyOf(other) === keyOf(one)) * engines.length
      return { ...one, ms: Object.fromEntries(engines.map((engine, index) => [engine, times[first + index]])) }
    })
  } finally {
    await programs.end()
  }
}

function summarize(measured) {
  return measured.map(({ sweep, value, setting, ms }) => {
    const times = Object.fromEntries(Object.entries(ms).map(([engine, values]) => [engine, spread(values)]))
    const timesAsFast = ms.torch && ms.fused ? ratios(ms.torch, ms.fused) : undefined
    return { sweep, value, batchSize: setting.batchSize, threads: setting.threads, ms: times, timesAsFast }
  })
}

/** One table for each sweep and batch size that is not swept. */
function tablesOf(summary, engines) {
  const groups = new Map()
  for (const row of summary) {
    const name = row.sweep === 'batch' ? row.sweep : `${row.sweep} ${row.batchSize}`
    groups.set(name, [...(groups.get(name) ?? []), row])
  }
  return Array.from(groups.values(), (rows) => {
    const { sweep, batchSize } = rows[0]
    const title = `${SWEEPS[sweep].title}${sweep === 'batch' ? '' : `, batch size ${batchSize}`}`
    const head = [title, ...engines.map((engine) => `${engine}, ms a step`), 'fused: times as fast']
    const cells = ({ value, ms, timesAsFast }) => {
      const speed = timesAsFast === undefined ? '' : showSpread(timesAsFast, DIGITS)
      return [value.toLocaleString('en'), ...engines.map((engine) => showSpread(ms[engine], DIGITS)), speed]
    }
    return [head, ...rows.map(cells)]
  })
}

/** Names the settings in which the fused engine took longer. */
function slowerLines(summary) {
  const slower = summary.filter(({ timesAsFast }) => timesAsFast !== undefined && timesAsFast.median < 1)
  if (slower.length === 0) return 'The fused engine is not slower anywhere.'
  const names = slower.map(({ sweep, value, batchSize }) => `${SWEEPS[sweep].title} ${value} with batch size ${batchSize}`)
  return `The fused engine is slower at: ${names.join('; ')}.`
}

async function run(options) {
  checkResultsFile(options.json)
  const machine = await describeMachine()
  const { engines, sweeps, rounds } = options
  const asked = options.instructionSet === undefined ? undefined : [options.instructionSet]
  const [instructionSet] = engines.includes('fused')
    ? await withProgress('asking the addon for its instruction sets', () => chooseInstructionSets(asked))
    : []
  const threads = options.threads === 0 ? availableParallelism() : options.threads
  const usual = { ...USUAL, threads }
  const cases = NAMES.filter((name) => sweeps.includes(name)).flatMap((name) => settingsOf(name, usual, options.batchSizes))
  const measured = await measure(cases, { ...options, instructionSet })
  const summary = summarize(measured)
  const tables = tablesOf(summary, engines)
  const fused = instructionSet === undefined ? '' : `, fused engine: ${instructionSet}, without the blank prefix`
  console.log(
    `\nUsual: ${USUAL.numLayers} layers of ${USUAL.hiddenSize}, ${USUAL.rows} rows, batch size ${USUAL.batchSize}; threads: ${threads}${fused}.`,
  )
  console.log(`Rounds: ${rounds}, each of ${options.milliseconds} ms at least; median (smallest to largest).`)
  for (const rows of tables) console.log(`\n${table(rows)}`)
  if (engines.includes('torch') && engines.includes('fused')) console.log(`\n${slowerLines(summary)}`)
  const titles = Object.fromEntries(Object.entries(SWEEPS).map(([name, { title }]) => [name, title]))
  writeResults(options.json, { benchmark: 'sweeps', machine, instructionSet, options, usual, titles, measured, summary, tables })
}

export function sweepsCommand() {
  return new Command('sweeps')
    .summary('how the time of a training step grows with hidden size, layers, batch size, rows, images and threads, on both engines')
    .addOption(namesOption('sweeps', 'which ones', NAMES))
    .addOption(enginesOption())
    .addOption(nameOption('instruction-set', 'of the fused engine (default: the best one here)', INSTRUCTION_SETS))
    .addOption(integersOption('batch-sizes', 'smaller ones, with which the hidden sizes are measured too', SMALL_BATCHES, { max: 65_536 }))
    .addOption(integerOption('milliseconds', 'how long each setting runs in a round, about', 300))
    .addOption(threadsOption())
    .addOption(roundsOption(3))
    .addOption(jsonOption())
    .action(run)
}

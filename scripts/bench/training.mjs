/**
 * A whole training, as a user waits for it: `rnn-mnist-train` from the start of its process to its exit, on all of MNIST, in turns with the
 * tutorial as one Python script. The command also saves the model after each epoch and writes the files of its run; the script does not.
 */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { Command, Option } from 'commander'
import { PYTHON } from '../bootstrap/places.mjs'
import { BenchError } from './bench-error.mjs'
import { describeMachine, findPython, PROGRAM, warnOfCudaBuild } from './machine.mjs'
import { inTurns, ratios, spread } from './measure.mjs'
import { engineOption, integerOption, jsonOption, pythonOption, roundsOption, threadsOption } from './options.mjs'
import { start } from './processes.mjs'
import { checkResultsFile, showSpread, table, writeResults } from './report.mjs'
import { NAMES, TrainingEvents } from './trainings.mjs'

const FOLDER = import.meta.dirname

/** The values of a result that are compared, and how they are shown. */
const MEASURES = [
  { title: 'wall time, s', value: ({ wallSeconds }) => wallSeconds, digits: 2, isCost: true },
  { title: 'of that, training, s', value: ({ epochs }) => epochs.reduce((sum, { seconds }) => sum + seconds, 0), digits: 2, isCost: true },
  { title: 'CPU time, s', value: ({ cpuSeconds }) => cpuSeconds, digits: 2, isCost: true },
  { title: 'peak memory, MB', value: ({ peakBytes }) => peakBytes / 1e6, digits: 0, isCost: true },
  { title: "last epoch's training loss", value: ({ epochs }) => epochs.at(-1).trainLoss, digits: 4 },
  { title: "last epoch's training accuracy, %", value: ({ epochs }) => 100 * epochs.at(-1).trainAccuracy, digits: 2 },
  { title: 'test loss', value: ({ testLoss }) => testLoss, digits: 4 },
  { title: 'test accuracy, %', value: ({ testAccuracy }) => 100 * testAccuracy, digits: 2 },
]

/**
 * Runs a program to its end through measured_process.py.
 *
 * @param {(line: string) => void} onLine - Called with each line of its stdout.
 * @returns {Promise<{ wallSeconds: number, cpuSeconds: number, peakBytes: number }>}
 */
async function runMeasured(python, name, command, onLine) {
  const wrapper = join(FOLDER, 'measured_process.py')
  const child = start(python, ['-S', wrapper, ...command], { stdio: ['ignore', 'pipe', 'inherit', 'pipe'] })
  createInterface({ input: child.stdout }).on('line', onLine)
  const [answer] = await Promise.all([text(/** @type {import('node:stream').Readable} */ (child.stdio[3])), once(child, 'close')])
  if (answer === '') throw new BenchError(`${name} could not be measured; the reason is above.`)
  const { code, ...measured } = JSON.parse(answer)
  if (code !== 0) throw new BenchError(`${name} ended with ${code}; its own message is above.`)
  return measured
}

/** Runs this package's command. */
async function runAddon({ python, epochs, batchSize, threads, device, engine }, seed, detail) {
  const folder = mkdtempSync(join(tmpdir(), 'rnn-mnist-bench-'))
  try {
    const flags = { epochs, threads, device, engine, seed, 'batch-size': batchSize, run: join(folder, 'run') }
    const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)])
    const events = new TrainingEvents(detail)
    const command = [process.execPath, PROGRAM, 'train', '--json', ...args]
    const measured = await runMeasured(python, NAMES[0], command, (line) => events.read(line))
    const { options: _, ...result } = events.result
    return { ...measured, ...result }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Runs the tutorial. */
async function runTutorial({ python, epochs, batchSize, threads, device }, seed, detail) {
  const flags = { epochs, threads, device, seed, 'batch-size': batchSize }
  const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)])
  const lines = []
  let ended = 0
  detail(`epoch 1 of ${epochs}`)
  const measured = await runMeasured(python, NAMES[1], [python, join(FOLDER, 'tutorial.py'), ...args], (line) => {
    lines.push(line)
    if (!line.startsWith('Epoch')) return
    ended += 1
    detail(ended < epochs ? `epoch ${ended + 1} of ${epochs}` : 'test set')
  })
  return { ...measured, ...JSON.parse(lines.at(-1)) }
}

/** Throws unless both sides did the same work. */
function checkSameWork([ours, theirs]) {
  const work = ({ device, trainSamples, testSamples, epochs }) =>
    `${epochs.length} epochs of ${trainSamples} images and ${testSamples} test images on ${device}`
  if (work(ours) === work(theirs)) return
  throw new BenchError(`Expected the same work but ${NAMES[0]} did ${work(ours)}, and ${NAMES[1]} did ${work(theirs)}.`)
}

function showRound(round, results) {
  checkSameWork(results)
  const each = results.map(({ wallSeconds, cpuSeconds, peakBytes, threads, testAccuracy }, side) => {
    const cost = `${wallSeconds.toFixed(1)} s, CPU ${cpuSeconds.toFixed(1)} s, ${(peakBytes / 1e6).toFixed(0)} MB`
    return `${NAMES[side]} ${cost}, ${threads} threads, test accuracy ${(100 * testAccuracy).toFixed(2)} %`
  })
  console.log(`${round}: ${each.join('; ')}; ratio ${(results[0].wallSeconds / results[1].wallSeconds).toFixed(3)}`)
}

function summarize(results) {
  return MEASURES.map(({ title, value, digits, isCost }) => {
    const [ours, theirs] = results.map((rounds) => rounds.map(value))
    const sides = [ours, theirs].map((values) => spread(values))
    return { title, digits, sides, ratio: isCost ? ratios(ours, theirs) : undefined }
  })
}

function showSetting({ epochs, batchSize, rounds }, results, python) {
  const [ours, theirs] = results.map(([first]) => first)
  console.log(`\nEpochs: ${epochs}; batch size: ${batchSize}; device: ${ours.device}; engine: ${ours.engine}.`)
  console.log(`Threads: ${NAMES[0]} ${ours.threads}, ${NAMES[1]} ${theirs.threads}; --threads gives both the same number.`)
  warnOfCudaBuild(python, ours.device)
  console.log(`Rounds: ${rounds}; median (smallest to largest).\n`)
}

async function run(options) {
  checkResultsFile(options.json)
  if (process.platform === 'win32') throw new BenchError('Expected Linux or macOS: on Windows a process cannot read what another one used.')
  const found = findPython(options.python)
  const machine = await describeMachine()
  const setting = { ...options, python: found.python }
  const rounds = { ours: 0, theirs: 0 } // On both sides, a round's number is its seed.
  const contestants = [
    { name: NAMES[0], measure: (detail) => runAddon(setting, ++rounds.ours, detail) },
    { name: NAMES[1], measure: (detail) => runTutorial(setting, ++rounds.theirs, detail) },
  ]
  const results = await inTurns(options.rounds, contestants, showRound)
  const summary = summarize(results)
  const rows = summary.map(({ title, digits, sides, ratio }) => [
    title,
    ...sides.map((side) => showSpread(side, digits)),
    ratio === undefined ? '' : showSpread(ratio, 3),
  ])
  showSetting(options, results, found)
  const shown = [['', ...NAMES, 'ratio; below 1: less'], ...rows]
  console.log(table(shown))
  const named = Object.fromEntries(NAMES.map((name, side) => [name, results[side]]))
  writeResults(options.json, { benchmark: 'training', machine, python: found, options, rounds: named, summary, tables: [shown] })
}

export function trainingCommand() {
  return new Command('training')
    .summary('the whole work, rnn-mnist-train from start to exit on all of MNIST, against the tutorial in Python')
    .addOption(pythonOption('a Python with torch and numpy').default(PYTHON))
    .addOption(integerOption('epochs', 'passes over the 60,000 images', 3))
    .addOption(integerOption('batch-size', 'images a step', 128, { max: 65_536 }))
    .addOption(roundsOption(3))
    .addOption(threadsOption())
    .addOption(new Option('--device <device>', 'where both compute').choices(['cpu', 'cuda']).default('cpu'))
    .addOption(engineOption())
    .addOption(jsonOption())
    .action(run)
}

/** Whole trainings, each as the real command in a process of its own, from its start to its exit; and their partners in Python. */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { isDeepStrictEqual } from 'node:util'
import { BenchError } from './bench-error.mjs'
import { keep, readKept } from './kept-results.mjs'
import { PROGRAM } from './machine.mjs'
import { start } from './processes.mjs'

/**
 * What a training did. Accuracies are shares from 0 to 1, losses mean cross entropies; `seconds` from the start of the process to its exit,
 * those of an epoch without anything around it; `options` as the command resolved them.
 *
 * @typedef {object} TrainingResult
 * @property {number} seconds
 * @property {string} device
 * @property {number} threads
 * @property {number} trainSamples
 * @property {number} testSamples
 * @property {{ seconds: number, trainLoss: number, trainAccuracy: number, validationAccuracy?: number }[]} epochs
 * @property {number} testLoss
 * @property {number} testAccuracy
 * @property {any} [options]
 * @property {boolean} [diverged] - True where losses or gradients were no longer finite; then there are no test loss and accuracy.
 */

export const NAMES = /** @type {const} */ (['torch-rnn-mnist', 'PyTorch'])

/** What `rnn-mnist-train train --json` prints, as far as it matters here. */
export class TrainingEvents {
  #events = []
  #detail

  /** @param {(text: string) => void} detail - Is told the running epoch. */
  constructor(detail) {
    this.#detail = detail
  }

  /** @param {string} line - Of the command's stdout. */
  read(line) {
    const event = JSON.parse(line)
    if (event.type === 'batch') this.#detail(`epoch ${event.epoch} of ${event.epochs}`)
    else this.#events.push(event)
  }

  /** Why the command failed: its `code` and `message`, if it gave one. */
  get failure() {
    return this.#find('error')
  }

  /** What a finished training did, without the time of its process. */
  get result() {
    const { device, engine, instructionSet, threads, trainSamples, testSamples, options } = this.#find('start')
    const { testLoss, testAccuracy } = this.#find('done') ?? {}
    const learned = this.#events.filter(({ type }) => type === 'epoch')
    const epochs = learned.map(({ seconds, trainLoss, trainAccuracy, validationAccuracy }) => {
      return { seconds, trainLoss, trainAccuracy, ...(validationAccuracy === undefined ? {} : { validationAccuracy }) }
    })
    return { device, engine, instructionSet, threads, trainSamples, testSamples, options, epochs, testLoss, testAccuracy }
  }

  #find(wanted) {
    return this.#events.find(({ type }) => type === wanted)
  }
}

/**
 * Runs a program to its end.
 *
 * @param {(line: string) => void} onLine - Called with each line of its stdout.
 * @returns {Promise<{ code: number | null, seconds: number }>} The time from its start to its exit.
 */
async function runTimed(command, args, onLine) {
  const started = performance.now()
  const child = start(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  createInterface({ input: child.stdout }).on('line', onLine)
  let seconds = 0
  child.once('exit', () => {
    seconds = (performance.now() - started) / 1000
  })
  const [code] = await once(child, 'close') // By then all lines are read.
  return { code, seconds }
}

/**
 * Trains by the command.
 *
 * @param {string[]} words - Its flags, without those for the files of the run, which are removed afterwards.
 * @param {(text: string) => void} detail - Is told the running epoch.
 * @param {{ mayDiverge?: boolean }} [tolerance] - Whether a training that diverges is a result, too, and no error.
 * @returns {Promise<TrainingResult>}
 */
export async function trainByCommand(words, detail, { mayDiverge = false } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'rnn-mnist-bench-'))
  try {
    const events = new TrainingEvents(detail)
    const args = [PROGRAM, 'train', '--json', '--run', join(folder, 'run'), ...words]
    const { code, seconds } = await runTimed(process.execPath, args, (line) => events.read(line))
    const { failure } = events
    if (code === 0) return { ...events.result, seconds }
    if (mayDiverge && failure?.code === 'ERR_NOT_FINITE') return { ...events.result, seconds, diverged: true }
    throw new BenchError(`rnn-mnist-train ${words.join(' ')} ended with ${code}: ${failure?.message ?? 'its own message is above'}`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * Trains in Python, by recipe.py.
 *
 * @param {string} python - The interpreter.
 * @param {{ options: { epochs: number }, seed: number, device: string, threads: number, data?: string }} setting - What recipe.py takes.
 * @returns {Promise<TrainingResult>}
 */
export async function trainInPython(python, setting, detail) {
  const lines = []
  detail(`epoch 1 of ${setting.options.epochs}`)
  const args = [join(import.meta.dirname, 'recipe.py'), JSON.stringify(setting)]
  const { code, seconds } = await runTimed(python, args, (line) => {
    lines.push(line)
    detail(line)
  })
  if (code !== 0) throw new BenchError(`${NAMES[1]} ended with ${code}; its own message is above.`)
  return { ...JSON.parse(lines.at(-1)), seconds }
}

/** What makes a training the same as another one: nothing else of the command may change between two runs of a benchmark. */
const IDENTITY = ['program', 'purpose', 'command', 'recipe']

/** The trainings of a benchmark: those that its file has, and new ones, each of which is kept there as soon as it has ended. */
export class KeptTrainings {
  #file
  #results

  /**
   * @param {string | undefined} file - Of `--json`.
   * @param {{ benchmark: string, machine: { cpu: string, cores: number, addon: string, load: number }, python?: object, options: object }} results
   */
  constructor(file, results) {
    const { benchmark, machine } = results
    const kept = readKept(file, benchmark)
    if (kept !== undefined) checkSameMachine(file, kept.machine, machine)
    const load = Math.max(machine.load, kept?.machine.load ?? 0)
    this.#file = file
    this.#results = { ...results, machine: { ...machine, load }, runs: kept?.runs ?? [] }
    keep(file, this.#results) // Tells now, not after hours, that the file cannot be written.
    if (kept !== undefined) console.log(`${file} has ${kept.runs.length} trainings; those that are asked for again are not repeated.`)
  }

  /**
   * A training, unless the file has it.
   *
   * @param {{ program: string, command: string[], recipe: object, purpose?: string }} wanted - Holds what {@link IDENTITY} names.
   * @param {() => Promise<TrainingResult>} train
   * @returns {Promise<TrainingResult>}
   */
  async once(wanted, train) {
    const isWanted = (run) => IDENTITY.every((key) => isDeepStrictEqual(run[key], wanted[key]))
    const found = this.#results.runs.find(isWanted)
    if (found !== undefined) return found
    const run = { ...wanted, ...(await train()) }
    this.#results.runs.push(run)
    keep(this.#file, this.#results)
    return run
  }

  /** Keeps what follows from all trainings. */
  finish(findings) {
    keep(this.#file, { ...this.#results, ...findings })
    if (this.#file !== undefined) console.error(`The results are in ${this.#file}.`)
  }
}

/** Times of different machines do not compare. */
function checkSameMachine(file, kept, machine) {
  const describe = ({ cpu, cores, addon }) => `${cpu}, ${cores} cores, ${addon}`
  if (describe(kept) === describe(machine)) return
  throw new BenchError(
    `${file} is of another machine or libtorch (${describe(kept)}; here: ${describe(machine)}): give another file for --json.`,
  )
}

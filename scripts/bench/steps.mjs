/**
 * Compares the training loop of this package with the same loop in Python: `npm run bench -- steps [--python <python with torch>] [--rounds N]`.
 *
 * Machines are noisy, so only ratios within one run count: both programs stay alive and train in turns, A B A B, on the same samples with
 * the same recipe (3 x 150 tanh, batch 128, Adam), and the figure is the median of the rounds' ratios.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'

const FOLDER = import.meta.dirname
/** 100 steps of batch 128: some seconds, long against the noise of a scheduler, short against a machine's changes of mood. */
const SAMPLES = 12_800
const BATCH_SIZE = 128

/** A program that trains once over the samples for every line it gets, and answers with a line of JSON. */
class Contestant {
  #process
  #lines

  constructor(name, command, args) {
    this.name = name
    this.#process = spawn(command, [...args, String(SAMPLES), String(BATCH_SIZE)], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]()
  }

  async train() {
    this.#process.stdin.write('train\n')
    const { value, done } = await this.#lines.next()
    if (done) throw new Error(`${this.name} ended before it answered; its own message is above.`)
    return JSON.parse(value)
  }

  async end() {
    if (this.#process.exitCode !== null) return
    this.#process.stdin.end()
    await once(this.#process, 'exit')
  }
}

function findPython(asked) {
  const python = asked ?? 'python3'
  const found = spawnSync(python, ['-c', 'import numpy, torch; print(torch.__version__)'], { encoding: 'utf8' })
  if (found.status === 0) return { python, version: found.stdout.trim() }
  throw new Error(
    `${python} has no torch and numpy. Expected --python <a Python with them>; pip install torch==2.15.0 numpy in a venv makes one.`,
  )
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

function describe(name, { seconds, threads, loss }) {
  const milliseconds = (seconds * 1000 * BATCH_SIZE) / SAMPLES
  return `${name} ${milliseconds.toFixed(2)} ms a step (${threads} threads, loss ${loss.toFixed(3)})`
}

async function main() {
  const { values } = parseArgs({ options: { python: { type: 'string' }, rounds: { type: 'string', default: '8' } } })
  const rounds = Number(values.rounds)
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`Expected an integer from 1 for --rounds but received ${values.rounds}.`)
  const { python, version } = findPython(values.python)
  console.log(`PyTorch ${version}; node ${process.versions.node}; ${SAMPLES} samples, batch ${BATCH_SIZE}, ${rounds} rounds`)
  const addon = new Contestant('addon', process.execPath, [join(FOLDER, 'addon-loop.mjs')])
  const reference = new Contestant('python', python, [join(FOLDER, 'python_loop.py')])
  try {
    await addon.train() // The first turn of each warms up: libraries, caches, clock.
    await reference.train()
    const ratios = []
    for (let round = 1; round <= rounds; round += 1) {
      const [a, b] = [await addon.train(), await reference.train()]
      ratios.push(a.seconds / b.seconds)
      console.log(`${round}: ${describe('addon', a)}; ${describe('python', b)}; ratio ${ratios.at(-1).toFixed(3)}`)
    }
    const [low, high] = [Math.min(...ratios), Math.max(...ratios)]
    console.log(
      `Median ratio addon / python: ${median(ratios).toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)}); below 1 the addon is faster.`,
    )
  } finally {
    await addon.end()
    await reference.end()
  }
}

main().catch((error) => {
  console.error(error.message)
  process.exitCode = 1
})

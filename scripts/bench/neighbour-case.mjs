/**
 * One measurement of neighbours.mjs: a model with a neighbour, in its own process. `node neighbour-case.mjs <scenario> <JSON>` prints
 * the result of trainSteps() and the model's threads as a line of JSON.
 */
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { ImageRNN, loadMnist } from '../../dist/index.mjs'
import { startInference } from './neighbour-inference.mjs'
import { Responder, startResponder } from './processes.mjs'
import { trainSteps } from './train-steps.mjs'

/** Libraries, caches and clocks are warm after these. */
const WARM_UP_STEPS = 20
const ALL_IMAGES = 60_000
const ADDON_LOOP = join(import.meta.dirname, 'addon-loop.mjs')

const [scenario, { threads, steps, engine, batchSize }] = [process.argv[2], JSON.parse(process.argv[3])]

/** A warmed-up model on this thread, with the interface of a {@link Responder}. */
async function modelHere() {
  const { train } = await loadMnist()
  const model = new ImageRNN({ device: 'cpu', seed: 1, threads, engine })
  const used = await model.threadCount()
  const here = {
    ask: async (request) => ({ ...(await trainSteps(model, train, request.steps, batchSize)), threads: used }),
    end: async () => model.dispose(),
  }
  await here.ask({ steps: WARM_UP_STEPS })
  return here
}

async function warm(responder) {
  await responder.ask({ steps: WARM_UP_STEPS })
  return responder
}

const loopSetting = JSON.stringify({ samples: ALL_IMAGES, batchSize, threads, engine })

function modelInWorker() {
  return warm(new Responder('The worker', new Worker(ADDON_LOOP, { argv: [loopSetting], stdin: true, stdout: true })))
}

function modelInProcess() {
  return warm(new Responder('The process', startResponder(process.execPath, [ADDON_LOOP, loopSetting])))
}

/** Trains all of them at once, then ends them. Returns the answer of the slowest one. */
async function measureTogether(models) {
  const answers = await Promise.all(models.map((model) => model.ask({ steps })))
  await Promise.all(models.map((model) => model.end()))
  return answers.reduce((slowest, answer) => (answer.seconds > slowest.seconds ? answer : slowest))
}

const SCENARIOS = {
  async alone() {
    return measureTogether([await modelHere()])
  },
  async together() {
    return measureTogether([await modelHere(), await modelHere()])
  },
  async afterAnother() {
    const earlier = await modelHere()
    const answer = await measureTogether([await modelHere()])
    await earlier.end()
    return answer
  },
  async inWorker() {
    return measureTogether([await modelInWorker()])
  },
  async workerAndMain() {
    return measureTogether([await modelInWorker(), await modelHere()])
  },
  async processes() {
    return measureTogether([await modelInProcess(), await modelInProcess()])
  },
  async besideBusyProcess() {
    const busy = new Responder('The busy process', startResponder(process.execPath, [join(import.meta.dirname, 'busy-loop.mjs')]))
    const model = await modelHere()
    await busy.ask('begin')
    const answer = await measureTogether([model])
    await busy.end()
    return answer
  },
  async besideInference() {
    const model = await modelHere()
    const stop = await startInference()
    const answer = await measureTogether([model])
    await stop()
    return answer
  },
}

console.log(JSON.stringify(await SCENARIOS[scenario]()))

/**
 * Where bfloat16 helps: the time of a training step and of an evaluated batch in bf16 against float32, in turns, for networks of several
 * sizes. Both do the same work on the same images. What comes out depends on the processor's instructions, so these are printed first.
 */
import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { ImageRNN, loadMnist } from '../../dist/index.mjs'
import { describeMachine } from './machine.mjs'
import { inTurns, ratios, spread } from './measure.mjs'
import { integerOption, integersOption, jsonOption, roundsOption, threadsOption } from './options.mjs'
import { checkResultsFile, showSpread, table, writeResults } from './report.mjs'
import { msPerStep, trainSteps } from './train-steps.mjs'

const PRECISIONS = ['float32', 'bf16']
/** Libraries, caches and clocks are warm after these. */
const WARM_UP_STEPS = 10
const DIGITS = 2
/** The instructions for bfloat16, as Linux names them: of x86-64, then of ARM. */
const BFLOAT16_FLAGS = ['avx512_bf16', 'avx_ne_convert', 'amx_bf16', 'bf16', 'svebf16']

/** The processor's instructions for bfloat16, as Linux reports them; undefined on other systems. */
function bfloat16Instructions() {
  if (process.platform !== 'linux') return undefined
  const flags = /^(?:flags|Features)\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1].trim().split(/\s+/) ?? []
  return BFLOAT16_FLAGS.filter((flag) => flags.includes(flag))
}

/** The two kinds of work; each gives milliseconds for a batch. */
function kindsOfWork({ train, test }, { steps, batchSize, inferenceBatchSize }) {
  const images = test.slice(0, test.length - (test.length % inferenceBatchSize)) // Whole batches.
  return [
    {
      name: `training step, batch of ${batchSize}`,
      warmUp: (model) => trainSteps(model, train, WARM_UP_STEPS, batchSize),
      measure: async (model) => msPerStep(await trainSteps(model, train, steps, batchSize), batchSize),
    },
    {
      name: `inference, batch of ${inferenceBatchSize}`,
      warmUp: (model) => model.evaluate(images.slice(0, inferenceBatchSize), { batchSize: inferenceBatchSize }),
      measure: async (model) => {
        const started = performance.now()
        await model.evaluate(images, { batchSize: inferenceBatchSize })
        return ((performance.now() - started) * inferenceBatchSize) / images.length
      },
    },
  ]
}

/** Measures everything in turns: each work in float32, then at once in bf16. */
async function measure(options, data) {
  const cases = options.hiddenSizes.flatMap((hiddenSize) => kindsOfWork(data, options).map((work) => ({ hiddenSize, work })))
  const models = new Map()
  const modelOf = (hiddenSize, precision) => {
    const key = `${hiddenSize} ${precision}`
    if (!models.has(key)) models.set(key, new ImageRNN({ hiddenSize, precision, device: 'cpu', seed: 1, threads: options.threads }))
    return models.get(key)
  }
  const contestants = cases.flatMap(({ hiddenSize, work }) =>
    PRECISIONS.map((precision) => ({
      name: `${work.name}, hidden size ${hiddenSize}, ${precision}`,
      warmUp: () => work.warmUp(modelOf(hiddenSize, precision)),
      measure: () => work.measure(modelOf(hiddenSize, precision)),
    })),
  )
  const times = await inTurns(options.rounds, contestants)
  const threads = await modelOf(options.hiddenSizes[0], PRECISIONS[0]).threadCount()
  for (const model of models.values()) model.dispose()
  const measured = cases.map(({ hiddenSize, work }, index) => {
    const [float32, bf16] = [times[2 * index], times[2 * index + 1]]
    return { hiddenSize, work: work.name, float32, bf16 }
  })
  return { threads, measured }
}

function summarize(measured) {
  return measured.map(({ hiddenSize, work, float32, bf16 }) => {
    return { hiddenSize, work, float32: spread(float32), bf16: spread(bf16), ratio: ratios(bf16, float32) }
  })
}

async function run(options) {
  checkResultsFile(options.json)
  const machine = await describeMachine()
  const instructions = bfloat16Instructions()
  if (instructions !== undefined) console.log(`Instructions for bfloat16: ${instructions.join(', ') || 'none'}.`)
  const { threads, measured } = await measure(options, await loadMnist())
  const summary = summarize(measured)
  console.log(`\nThree layers; threads: ${threads}. Steps: ${options.steps}. Rounds: ${options.rounds}; median (smallest to largest).\n`)
  const rows = summary.map(({ hiddenSize, work, float32, bf16, ratio }) => {
    return [`hidden size ${hiddenSize}, ${work}`, ...[float32, bf16, ratio].map((values) => showSpread(values, DIGITS))]
  })
  console.log(table([['ms a batch', 'float32', 'bf16', 'bf16 / float32; below 1: faster'], ...rows]))
  writeResults(options.json, { benchmark: 'precision', machine, instructions, options, threads, measured, summary })
}

export function precisionCommand() {
  return new Command('precision')
    .summary('the time of a training step and of inference in bf16 on the CPU, against float32')
    .addOption(integersOption('hidden-sizes', 'hidden sizes of the networks, of three layers each', [150, 512], { max: 16_384 }))
    .addOption(integerOption('steps', 'training steps that are measured in a round', 30))
    .addOption(integerOption('batch-size', 'images a training step', 128, { max: 65_536 }))
    .addOption(integerOption('inference-batch-size', 'images that are evaluated together', 1000, { max: 10_000 }))
    .addOption(roundsOption(5))
    .addOption(threadsOption())
    .addOption(jsonOption())
    .action(run)
}

/**
 * The time that the images of a training batch take, as they are and augmented. The addon does the same work before each training step, on the
 * model's thread; here it runs alone, on this thread, because a step takes so long that its noise would hide the difference.
 */
import { Command } from 'commander'
import augmentedImagesModule from '../../dist/data/augmented-images.js'
import { loadMnist } from '../../dist/index.mjs'
import augmentationModule from '../../dist/training/augmentation.js'
import { describeMachine } from './machine.mjs'
import { inTurns, spread } from './measure.mjs'
import { integerOption, jsonOption, roundsOption } from './options.mjs'
import { checkResultsFile, showSpread, table, writeResults } from './report.mjs'

const { augmentedImages } = augmentedImagesModule
const { toAugmentation, USUAL_AUGMENTATION } = augmentationModule
const DIGITS = 3
const NONE = { shift: 0, rotation: 0, scale: 0, shear: 0, flip: 0 }
const USUAL = toAugmentation(USUAL_AUGMENTATION) ?? NONE

/** The images as they are first: the others are compared with them. */
const CASES = [
  { name: 'as they are', augmentation: null },
  { name: 'shift', augmentation: { ...NONE, shift: USUAL.shift } },
  { name: 'rotation', augmentation: { ...NONE, rotation: USUAL.rotation } },
  { name: 'as the recipe accurate does', augmentation: USUAL },
]

/** Milliseconds for each of some batches, which walk through the data. */
function msPerBatch(dataset, augmentation, { batches, batchSize }) {
  const started = performance.now()
  for (let batch = 0; batch < batches; batch += 1) {
    const samples = Uint32Array.from({ length: batchSize }, (_, index) => (batch * batchSize + index) % dataset.length)
    augmentedImages(dataset, samples, { seed: 1, epoch: 0, augmentation })
  }
  return (performance.now() - started) / batches
}

/** Of each case: the time of a batch, and how much more that is than for the images as they are, round by round. */
function summarize(measured) {
  return CASES.map(({ name }, index) => {
    const times = measured[index]
    return { name, ms: spread(times), more: spread(times.map((ms, round) => ms - measured[0][round])) }
  })
}

async function run(options) {
  checkResultsFile(options.json)
  const machine = await describeMachine()
  const { train } = await loadMnist()
  const contestants = CASES.map(({ name, augmentation }) => ({
    name,
    warmUp: async () => msPerBatch(train, augmentation, options),
    measure: async () => msPerBatch(train, augmentation, options),
  }))
  const measured = await inTurns(options.rounds, contestants)
  const summary = summarize(measured)
  console.log(`\nBatches of ${options.batchSize} images of MNIST. Rounds: ${options.rounds}; median (smallest to largest).\n`)
  const rows = summary.map(({ name, ms, more }) => [name, showSpread(ms, DIGITS), showSpread(more, DIGITS)])
  console.log(table([['images', 'ms a batch', 'more than as they are'], ...rows]))
  writeResults(options.json, { benchmark: 'augmentation', machine, options, measured, summary })
}

export function augmentationCommand() {
  return new Command('augmentation')
    .summary('the time that the images of a training batch take, as they are and augmented')
    .addOption(integerOption('batches', 'batches that are measured in a round', 200))
    .addOption(integerOption('batch-size', 'images in a batch', 128, { max: 65_536 }))
    .addOption(roundsOption(7))
    .addOption(jsonOption())
    .action(run)
}

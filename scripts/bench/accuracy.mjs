/**
 * Whether both engines train equally well. Training is chaotic: two correct programs soon have other weights, so that only distributions can
 * be compared. The tutorial's recipe runs with several seeds, with each engine, and a paired permutation test asks whether the differences
 * in test accuracy could have either sign by chance.
 *
 * This takes long: with 10 epochs some two minutes a training on two cores. With --json, the file keeps each finished training, and another
 * run goes on where this one was ended.
 */
import { Command } from 'commander'
import { ImageRNN, loadMnist } from '../../dist/index.mjs'
import { BenchError } from './bench-error.mjs'
import { keep, readKept } from './kept-results.mjs'
import { describeMachine } from './machine.mjs'
import { integerOption, jsonOption, threadsOption } from './options.mjs'
import { Progress, table } from './report.mjs'
import { deviation, mean } from './statistics.mjs'

const BENCHMARK = 'accuracy'
const ENGINES = ['torch', 'fused']
/** All choices of signs are tried, of which there are 2 to this power. */
const MOST_SEEDS = 20

/**
 * The p-value of the exact paired permutation test, two-sided. If it did not matter which engine trained, every difference could as well have
 * the other sign: this is the share of all choices of signs whose sum is at least as far from 0.
 *
 * @param {number[]} differences - Integers, so that equal sums are equal.
 */
export function permutationTest(differences) {
  const observed = Math.abs(differences.reduce((sum, value) => sum + value, 0))
  const choices = 2 ** differences.length
  let extreme = 0
  for (let choice = 0; choice < choices; choice += 1) {
    const sum = differences.reduce((total, value, index) => total + ((choice >> index) & 1 ? -value : value), 0)
    if (Math.abs(sum) >= observed) extreme += 1
  }
  return extreme / choices
}

/** The finished trainings that a file has of an earlier run with the same epochs. */
function readRuns(file, epochs) {
  const found = readKept(file, BENCHMARK)
  if (found !== undefined && found.options.epochs !== epochs) {
    throw new BenchError(
      `${file} is of trainings with --epochs ${found.options.epochs} but this run has --epochs ${epochs}: pass the same number, or another file.`,
    )
  }
  return found?.runs ?? []
}

/** One training with the tutorial's recipe, which is the package's default, and its evaluation. */
async function trainOnce({ seed, engine }, { epochs, threads }, { train, test }, progress) {
  const model = new ImageRNN({ seed, engine, threads, device: 'cpu' })
  const started = performance.now()
  const name = `seed ${seed}, ${engine}`
  progress.show(`${name}, epoch 1 of ${epochs}`)
  const onEpoch = ({ epoch }) => progress.show(`${name}, epoch ${Math.min(epoch + 1, epochs)} of ${epochs}`)
  try {
    const { epochs: history } = await model.train(train, { epochs, onEpoch })
    const seconds = (performance.now() - started) / 1000
    const { loss, accuracy } = await model.evaluate(test)
    const of = { instructionSet: model.instructionSet, threads: await model.threadCount() }
    return {
      ...{ seed, engine, ...of, seconds },
      ...{ trainLoss: history.at(-1)?.trainLoss, testLoss: loss, testAccuracy: accuracy, correct: Math.round(accuracy * test.length) },
    }
  } finally {
    model.dispose()
  }
}

/**
 * Trains what is not among the runs yet.
 *
 * @param {(run: object) => void} onRun - Called after each training.
 */
async function trainMissing(runs, options, onRun) {
  const seeds = Array.from({ length: options.seeds }, (_, index) => index + 1)
  const wanted = seeds.flatMap((seed) => ENGINES.map((engine) => ({ seed, engine })))
  const missing = wanted.filter((one) => !runs.some(({ seed, engine }) => seed === one.seed && engine === one.engine))
  if (missing.length < wanted.length)
    console.log(`Found ${wanted.length - missing.length} of ${wanted.length} trainings in ${options.json}.`)
  if (missing.length === 0) return
  const data = await loadMnist()
  const progress = new Progress()
  try {
    for (const one of missing) {
      const run = await trainOnce(one, options, data, progress)
      progress.clear()
      console.error(`seed ${run.seed}, ${run.engine}: ${percent(run.testAccuracy)} % after ${run.seconds.toFixed(0)} s`)
      onRun(run)
    }
  } finally {
    progress.end()
  }
}

/** Accuracies by seed, what they have in common, and the test. Numbers of correct images are compared: they are integers. */
function summarize(runs, { seeds }) {
  const find = (seed, name) => runs.find((run) => run.seed === seed && run.engine === name)
  const pairs = Array.from({ length: seeds }, (_, index) => ENGINES.map((engine) => find(index + 1, engine)))
  const statistics = (values) => ({ mean: mean(values), deviation: deviation(values) })
  const accuracies = ENGINES.map((_, side) => pairs.map((pair) => pair[side].testAccuracy))
  return {
    seeds: pairs.map(([torch, fused]) => {
      return { seed: torch.seed, torch: torch.testAccuracy, fused: fused.testAccuracy, difference: fused.testAccuracy - torch.testAccuracy }
    }),
    torch: statistics(accuracies[0]),
    fused: statistics(accuracies[1]),
    difference: statistics(accuracies[1].map((value, index) => value - accuracies[0][index])),
    test: {
      name: 'paired permutation test, exact, two-sided',
      p: permutationTest(pairs.map(([torch, fused]) => fused.correct - torch.correct)),
    },
  }
}

function percent(share) {
  return (100 * share).toFixed(2)
}

function show({ seeds, torch, fused, difference, test }, epochs) {
  const row = (name, values) => [name, ...values.map((value) => (value === undefined ? '' : percent(value)))]
  const rows = [
    ...seeds.map((one) => row(`seed ${one.seed}`, [one.torch, one.fused, one.difference])),
    ...['mean', 'deviation'].map((key) => row(key === 'mean' ? 'mean' : 'standard deviation', [torch[key], fused[key], difference[key]])),
  ]
  console.log(`\nTest accuracy in % with the tutorial's recipe; epochs: ${epochs}.\n`)
  console.log(table([['', ...ENGINES, 'fused - torch'], ...rows]))
  console.log(`\nMean difference: p = ${test.p.toFixed(3)} (${test.name}). A p above 0.05 is no sign of a difference.`)
}

async function run(options) {
  const runs = readRuns(options.json, options.epochs)
  const machine = await describeMachine()
  const results = { benchmark: BENCHMARK, machine, options, runs }
  keep(options.json, results)
  await trainMissing([...runs], options, (one) => {
    runs.push(one)
    keep(options.json, results)
  })
  const summary = summarize(runs, options)
  show(summary, options.epochs)
  keep(options.json, { ...results, summary })
  if (options.json !== undefined) console.error(`The results are in ${options.json}.`)
}

export function accuracyCommand() {
  return new Command(BENCHMARK)
    .summary("the test accuracy of the tutorial's recipe with each engine, over several seeds")
    .addOption(integerOption('epochs', 'passes over the 60,000 images', 10))
    .addOption(integerOption('seeds', 'how many, from 1', 10, { max: MOST_SEEDS }))
    .addOption(threadsOption())
    .addOption(jsonOption())
    .action(run)
}

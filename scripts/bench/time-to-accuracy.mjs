/**
 * How long it takes, from the start of a process to its exit, to train a network to a given accuracy on the test set.
 *
 * A recipe's number of epochs fixes its schedule, so a short training is not the beginning of a long one: each length is trained anew, from
 * the shortest on, with all seeds. A goal is reached by the first length whose mean over the seeds is at least the goal, after the last epoch.
 * Only then the clock counts: with this length, the command takes turns with the same recipe in PyTorch (recipe.py), seed by seed.
 */
import { Argument, Command, InvalidArgumentError, Option } from 'commander'
import { RECIPES } from '../../dist/index.mjs'
import { BenchError } from './bench-error.mjs'
import { describeMachine, findPython, warnOfCudaBuild } from './machine.mjs'
import { inTurns, ratios, spread } from './measure.mjs'
import { dataOption, flagsArgument, integersOption, jsonOption, nameOption, pythonOption, seedsOption, threadsOption } from './options.mjs'
import { nameSeeds, percent } from './recipes.mjs'
import { showSpread, table } from './report.mjs'
import { deviation, mean } from './statistics.mjs'
import { KeptTrainings, NAMES, trainByCommand, trainInPython } from './trainings.mjs'

const BENCHMARK = 'time-to-accuracy'
const LENGTHS = [1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30]
const GOALS = [98.5, 99]

/**
 * Whether the mean accuracy of some trainings is at least a goal in percent. Counts images, so that no rounding decides.
 *
 * @param {{ testAccuracy: number, testSamples: number }[]} runs
 */
export function reaches(runs, goal) {
  const correct = runs.reduce((sum, { testAccuracy, testSamples }) => sum + Math.round(testAccuracy * testSamples), 0)
  const samples = runs.reduce((sum, { testSamples }) => sum + testSamples, 0)
  return 100 * correct >= goal * samples
}

/** The trainings that are asked for, of which those in the file are not repeated. */
class Setting {
  #options
  #words
  #trainings
  #python

  constructor(options, flags, trainings, python) {
    const { recipe, data, threads } = options
    this.#options = options
    this.#words = ['--recipe', recipe, ...flags, '--threads', String(threads), ...(data === undefined ? [] : ['--data', data])]
    this.#trainings = trainings
    this.#python = python
  }

  /** @param {'search' | 'turns'} purpose - Trainings of the search lend no times to the turns. */
  ours(purpose, epochs, seed, detail) {
    const command = this.#command(epochs, seed)
    return this.#trainings.once({ ...this.#identity(command), program: NAMES[0], purpose }, () => trainByCommand(command, detail))
  }

  /** @param {any} options - As the command resolved them. */
  theirs(epochs, seed, options, device, detail) {
    const { data, threads } = this.#options
    const wanted = { ...this.#identity(this.#command(epochs, seed)), program: `${NAMES[1]} ${this.#python.torch}`, purpose: 'turns' }
    return this.#trainings.once(wanted, () => trainInPython(this.#python.python, { options, seed, device, threads, data }, detail))
  }

  #identity(command) {
    return { command, recipe: RECIPES[this.#options.recipe] }
  }

  #command(epochs, seed) {
    return [...this.#words, '--epochs', String(epochs), '--seed', String(seed)]
  }
}

/** Trains one length after the other until the highest goal is reached. */
async function search(setting, { epochs: lengths, goals, seeds }) {
  const found = []
  for (const epochs of lengths.toSorted((a, b) => a - b)) {
    const contestant = {
      name: `epochs: ${epochs}`,
      measure: (detail, round) => setting.ours('search', epochs, seeds[round - 1], detail),
    }
    const [runs] = await inTurns(seeds.length, [contestant])
    const accuracies = runs.map(({ testAccuracy }) => testAccuracy)
    const seconds = mean(runs.map((run) => run.seconds))
    found.push({ epochs, accuracies, mean: mean(accuracies), deviation: deviation(accuracies), seconds, runs })
    console.log(`epochs: ${epochs}; mean test accuracy ${percent(mean(accuracies))} %; seconds: ${seconds.toFixed(1)}`)
    if (reaches(runs, Math.max(...goals))) break
  }
  return found
}

/** The shortest length that reaches each goal; undefined for a goal that none does. */
export function shortest(found, goals) {
  return goals.map((goal) => ({ goal, epochs: found.find(({ runs }) => reaches(runs, goal))?.epochs }))
}

/** Both programs in turns with one length. */
async function takeTurns(setting, epochs, { seeds }, hasPython) {
  /** The latest training of ours: its options are what the other program takes. */
  let latest
  const contestants = [
    {
      name: `${NAMES[0]}, epochs: ${epochs}`,
      measure: async (detail, round) => {
        latest = await setting.ours('turns', epochs, seeds[round - 1], detail)
        return latest
      },
    },
    {
      name: `${NAMES[1]}, epochs: ${epochs}`,
      measure: (detail, round) => setting.theirs(epochs, seeds[round - 1], latest.options, latest.device, detail),
    },
  ].slice(0, hasPython ? 2 : 1)
  const results = await inTurns(seeds.length, contestants, (round, runs) => {
    checkSameWork(runs)
    const each = runs.map(
      ({ seconds, testAccuracy }, side) => `${NAMES[side]} ${seconds.toFixed(1)} s, test accuracy ${percent(testAccuracy)} %`,
    )
    console.log(`seed ${seeds[round - 1]}: ${each.join('; ')}`)
  })
  return { epochs, ...summarizeTurns(results) }
}

/** Throws unless both did the same amount of work. @param {import('./trainings.mjs').TrainingResult[]} runs - One, or those of both sides. */
function checkSameWork(runs) {
  const [ours, theirs] = runs
  const work = ({ trainSamples, testSamples, epochs }) => `${epochs.length} x ${trainSamples} training and ${testSamples} test images`
  if (theirs === undefined || work(ours) === work(theirs)) return
  throw new BenchError(`Expected the same work but ${NAMES[0]} did ${work(ours)}, and ${NAMES[1]} did ${work(theirs)}.`)
}

/** Times and mean accuracies of the sides, and the ratios of the times, PyTorch's to ours. */
export function summarizeTurns(results) {
  const times = results.map((runs) => runs.map(({ seconds }) => seconds))
  const training = results.map((runs) => runs.map(({ epochs }) => epochs.reduce((sum, { seconds }) => sum + seconds, 0)))
  const sides = results.map((runs, side) => ({
    seconds: spread(times[side]),
    trainingSeconds: spread(training[side]),
    mean: mean(runs.map(({ testAccuracy }) => testAccuracy)),
  }))
  if (results.length === 1) return { sides }
  return { sides, ratio: ratios(times[1], times[0]), trainingRatio: ratios(training[1], training[0]) }
}

/** The tables of the goals, of what the training alone took, and of the search. The first row of each is its head. */
export function tablesOf(goals, turns, found) {
  const time = (spreadOfSide) => (spreadOfSide === undefined ? '' : showSpread(spreadOfSide, 1))
  const timesAsFast = (ratio) => (ratio === undefined ? '' : showSpread(ratio, 2))
  const goalRows = goals.map(({ goal, epochs }) => {
    const { sides = [], ratio } = turns.find((one) => one.epochs === epochs) ?? {}
    const [ours, theirs] = sides
    const times = [time(ours?.seconds), time(theirs?.seconds), timesAsFast(ratio)]
    return [`${goal} %`, epochs === undefined ? 'not reached' : String(epochs), ...times, percent(ours?.mean), percent(theirs?.mean)]
  })
  const trainingRows = turns.map(({ epochs, sides: [ours, theirs], trainingRatio }) => {
    return [String(epochs), time(ours.trainingSeconds), time(theirs?.trainingSeconds), timesAsFast(trainingRatio)]
  })
  const searchRows = found.map((one) => [String(one.epochs), percent(one.mean), percent(one.deviation), one.seconds.toFixed(1)])
  const seconds = NAMES.map((name) => `${name}, seconds`)
  const accuracies = NAMES.map((name) => `mean accuracy of ${name}, %`)
  return [
    [['goal', 'epochs', ...seconds, 'times as fast', ...accuracies], ...goalRows],
    ...(turns.length === 0 ? [] : [[['of that, the training alone; epochs', ...seconds, 'times as fast'], ...trainingRows]]),
    [['epochs', 'mean test accuracy, %', 'standard deviation', 'mean seconds, start to exit'], ...searchRows],
  ]
}

async function run(flags, options) {
  const { goals, recipe, seeds, data, python: asked, json } = options
  const python = asked === undefined ? undefined : findPython(asked)
  const machine = await describeMachine()
  const trainings = new KeptTrainings(json, { benchmark: BENCHMARK, machine, python, options: { ...options, flags } })
  const setting = new Setting(options, flags, trainings, python)
  const found = await search(setting, options)
  const reached = shortest(found, goals)
  const turns = []
  for (const epochs of new Set(reached.flatMap((one) => one.epochs ?? [])))
    turns.push(await takeTurns(setting, epochs, options, python !== undefined))
  if (python !== undefined && turns.length > 0) warnOfCudaBuild(python, found[0].runs[0].device)
  const tables = tablesOf(reached, turns, found)
  const given = flags.length === 0 ? '' : `, with ${flags.join(' ')}`
  const method = `Recipe ${recipe}${given}. Data: ${data ?? 'MNIST'}. Seeds: ${nameSeeds(seeds)}; median (smallest to largest) of their times.`
  console.log(`\n${method}\n`)
  console.log(tables.map(table).join('\n\n'))
  const lengths = found.map(({ runs: _, ...one }) => one)
  trainings.finish({ summary: { goals: reached, turns, lengths }, method, tables })
}

function parseGoals(text) {
  const goals = text.split(',').map(Number)
  if (goals.every((goal) => goal > 0 && goal <= 100)) return goals
  throw new InvalidArgumentError('Expected percentages above 0 and up to 100, such as 98.5,99.')
}

export function timeToAccuracyCommand() {
  return new Command(BENCHMARK)
    .summary('how long a recipe takes, start to exit, to a mean test accuracy over several seeds, in turns with PyTorch in Python')
    .addArgument(flagsArgument(new Argument('[flags...]', 'further flags of rnn-mnist-train'), ['--epochs', '--threads']))
    .addOption(nameOption('recipe', 'what is trained', Object.keys(RECIPES)).default('accurate'))
    .addOption(integersOption('epochs', 'lengths of the training, tried from the shortest on', LENGTHS))
    .addOption(new Option('--goals <percent,...>', 'mean test accuracies to reach').argParser(parseGoals).default(GOALS, GOALS.join(',')))
    .addOption(seedsOption())
    .addOption(pythonOption('a Python with torch and numpy; without it there is no comparison'))
    .addOption(threadsOption())
    .addOption(dataOption())
    .addOption(jsonOption())
    .action(run)
}

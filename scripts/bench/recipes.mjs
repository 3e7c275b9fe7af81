/**
 * The accuracy of recipes: each is trained with several seeds by the real command, and measured on the test set once, after its last epoch.
 * Recipes, and changes of the first one, take turns within each seed, and are compared with the first one in pairs of one seed.
 *
 * With `-- --validation-split 10000` the tables show the accuracy on these images instead, and not that on the test set: a recipe must not be
 * chosen by what it reaches there.
 */
import { Argument, Command } from 'commander'
import { RECIPES } from '../../dist/index.mjs'
import { describeMachine } from './machine.mjs'
import { inTurns } from './measure.mjs'
import { changeOption, dataOption, flagsArgument, jsonOption, namesOption, seedsOption } from './options.mjs'
import { table } from './report.mjs'
import { deviation, mean, pairedDifference } from './statistics.mjs'
import { KeptTrainings, NAMES, trainByCommand } from './trainings.mjs'

const BENCHMARK = 'recipes'
const DEFAULT_RECIPES = ['accurate']

/** Recipes, and changes of the first one. `own` is the flags by which they differ, `words` those that all have too. */
function contestantsOf({ recipes, change }, flags) {
  const named = recipes.map((recipe) => ({ name: recipe, recipe, own: ['--recipe', recipe] }))
  const [{ recipe, own }] = named
  const changes = change.map(({ name, flags: changed }) => ({ name, recipe, own: changed, words: [...own, ...flags, ...changed] }))
  return [...named.map((one) => ({ ...one, words: [...one.own, ...flags] })), ...changes]
}

/** @param {import('./trainings.mjs').TrainingResult} run - That did not diverge. */
function lastEpochOf({ epochs }) {
  return epochs[epochs.length - 1]
}

/** After the last epoch, on the validation images, if there are some, else on the test set. Undefined for a training that diverged. */
function accuracyOf(run) {
  return run.diverged ? undefined : (lastEpochOf(run).validationAccuracy ?? run.testAccuracy)
}

/**
 * What the tables show of some contestants. Where trainings diverged, there is no mean: that of the others would flatter.
 *
 * @param {{ name: string, own: string[] }[]} contestants
 * @param {import('./trainings.mjs').TrainingResult[][]} results - Of each contestant, in the order of the seeds.
 */
export function summarize(contestants, results) {
  const accuracies = results.map((runs) => runs.map(accuracyOf))
  const diverged = results.map((runs) => runs.filter((run) => run.diverged).length)
  return contestants.map(({ name, own }, index) => {
    const known = { name, flags: own.join(' '), accuracies: accuracies[index], diverged: diverged[index] }
    const seconds = mean(results[index].map((run) => run.seconds))
    if (diverged[index] > 0) return { ...known, seconds }
    const trainLoss = mean(results[index].map((run) => lastEpochOf(run).trainLoss))
    const isCompared = index > 0 && diverged[0] === 0
    return {
      ...{ ...known, seconds, trainLoss, mean: mean(accuracies[index]), deviation: deviation(accuracies[index]) },
      ...(isCompared ? { difference: pairedDifference(accuracies[index], accuracies[0]) } : {}),
    }
  })
}

/** A share in percent; with a sign where it is a difference. Nothing where it is not known. */
export function percent(share, { signed = false, digits = 2 } = {}) {
  if (share === undefined) return ''
  const text = (100 * share).toFixed(digits)
  return signed && share >= 0 ? `+${text}` : text
}

/**
 * Tables of what {@link summarize} found: the first row of each is its head.
 *
 * @param {'test' | 'validation'} part - What the accuracies were measured on.
 */
export function tablesOf(summary, seeds, part) {
  const [first, ...others] = summary
  const meanOf = (one) => (one.diverged > 0 ? `${one.diverged} of ${seeds.length} diverged` : percent(one.mean))
  const overview = summary.map((one) => [
    ...[one.name, meanOf(one), percent(one.deviation)],
    ...[one.trainLoss?.toFixed(4) ?? '', one.seconds.toFixed(1)],
  ])
  const bySeed = summary.map(({ name, accuracies }) => [name, ...accuracies.map((accuracy) => percent(accuracy))])
  const interval = ({ low, high }) => (low === undefined ? '' : `${percent(low, { signed: true })} to ${percent(high, { signed: true })}`)
  const compared = others.map((one) => [
    ...[one.name, one.flags, meanOf(one), percent(one.difference?.mean, { signed: true })],
    ...[percent(one.difference?.standardError, { digits: 3 }), one.difference === undefined ? '' : interval(one.difference)],
  ])
  const against = `difference from ${first.name} in pairs of one seed`
  return [
    [[`${part} accuracy after the last epoch, %`, 'mean', 'standard deviation', 'training loss', 'seconds, start to exit'], ...overview],
    ...(others.length === 0 ? [] : [[['change', 'flags', 'mean, %', against, 'its standard error', 'its 95 % interval (t)'], ...compared]]),
    [['by seed, %', ...seeds.map(String)], ...bySeed],
  ]
}

/** "1 to 5", or the seeds themselves where some are left out. */
export function nameSeeds(seeds) {
  const isRange = seeds.length > 1 && seeds.every((seed, index) => seed === seeds[0] + index)
  return isRange ? `${seeds[0]} to ${seeds.at(-1)}` : seeds.join(', ')
}

async function run(flags, options) {
  const { seeds, data, json } = options
  const machine = await describeMachine()
  const contestants = contestantsOf(options, flags)
  const trainings = new KeptTrainings(json, { benchmark: BENCHMARK, machine, options: { ...options, flags } })
  const dataWords = data === undefined ? [] : ['--data', data]
  const train = ({ recipe, words }, seed, detail) => {
    const command = [...words, ...dataWords, '--seed', String(seed)]
    const wanted = { program: NAMES[0], command, recipe: RECIPES[recipe] }
    return trainings.once(wanted, () => trainByCommand(command, detail, { mayDiverge: true }))
  }
  const measured = contestants.map((contestant) => ({
    name: contestant.name,
    measure: (detail, round) => train(contestant, seeds[round - 1], detail),
  }))
  const results = await inTurns(seeds.length, measured, (round, runs) => {
    const outcome = (one) => (one.diverged ? 'diverged' : `${percent(accuracyOf(one))} %`)
    const each = runs.map((one, index) => `${contestants[index].name} ${outcome(one)} (${one.seconds.toFixed(0)} s)`)
    console.log(`seed ${seeds[round - 1]}: ${each.join('; ')}`)
  })
  const summary = summarize(contestants, results)
  const isValidated = results.flat().some(({ epochs }) => epochs[0]?.validationAccuracy !== undefined)
  const tables = tablesOf(summary, seeds, isValidated ? 'validation' : 'test')
  const given = flags.length === 0 ? '' : ` Flags of all trainings: ${flags.join(' ')}.`
  const method = `Data: ${data ?? 'MNIST'}. Seeds: ${nameSeeds(seeds)}.${given}`
  console.log(`\n${method}\n`)
  console.log(tables.map(table).join('\n\n'))
  trainings.finish({ summary, method, tables })
}

export function recipesCommand() {
  return new Command(BENCHMARK)
    .summary('the test accuracy of recipes over several seeds, each trained by rnn-mnist-train; flags after -- are for all of them')
    .addArgument(flagsArgument(new Argument('[flags...]', 'further flags of rnn-mnist-train, for all trainings: -- --nonlinearity tanh')))
    .addOption(namesOption('recipes', 'the first one is what others are compared with', Object.keys(RECIPES), DEFAULT_RECIPES))
    .addOption(changeOption())
    .addOption(seedsOption())
    .addOption(dataOption())
    .addOption(jsonOption())
    .action(run)
}

/** The texts of a search: its beginning, its trials, and the table at its end. */
import { showPath } from '../../files/regular-file'
import { changedOptions, quoteWord, wordsOf } from '../../options/flag-words'
import { HYPERPARAMETERS, NETWORK_CHOICES, OPTIONS } from '../../options/options'
import type { OptionTable } from '../../options/specs'
import type { SearchPlan } from '../../search/halving'
import type { BestTrial, RungEvent, TrialEvent, TrialResult } from '../../search/search-events'
import type { PlannedSearch } from '../../search/search-options'
import { describeRange, showTried, type TriedValues } from '../../search/space'
import { drawColumns } from '../../text/table'
import { describePlace, type StartEvent } from '../events'
import { DATA_OPTIONS, type DataFlags } from '../load-data'
import { formatDuration } from '../numbers'
import { showMetric, showSpread } from './search-progress'
import { wordOf } from './vary-flag'

/** All trials, the best first, and the command that trains with the best one. */
export interface RankingEvent {
  type: 'ranking'
  /** What ranks them, on the validation samples. */
  metric: SearchPlan['metric']
  /** Each trial once, with its result on the last rung that it came to. */
  trials: readonly TrialResult[]
  /** The best one, as options. Absent when every trial has diverged. */
  best?: BestTrial
  /** The command line that trains with its options. */
  command?: string
}

/** Rows of the table at the end. trials.csv has all. */
const SHOWN_TRIALS = 10

/** Where the search computes, and what it varies. */
export function describeStart(event: StartEvent, { space, rungs, plan }: PlannedSearch): string {
  const { device = '', engine = '', trainSamples = 0, validationSamples = 0, trials, search = '' } = event
  const data = `Data: ${trainSamples - validationSamples} training and ${validationSamples} validation images`
  const stages = rungs.map(({ trials: count, epochs }) => `${count} of ${countEpochs(epochs)}`).join(', then ')
  const repeated = plan.seeds === 1 ? '' : `, each with ${plan.seeds} seeds`
  const finished = trials === undefined || trials.finished === 0 ? '' : `, of which ${trials.finished} are finished`
  const varied = Object.entries(space).map(([name, range]) => `  ${wordOf(name)}: ${describeRange(range)}\n`)
  return [
    `Device: ${describePlace({ ...event, device, engine })}\n${data}\n`,
    `Trials: ${stages}${repeated}${finished}; they vary\n${varied.join('')}Search: ${showPath(search)}\n`,
  ].join('')
}

function countEpochs(epochs: number): string {
  return `${epochs} ${epochs === 1 ? 'epoch' : 'epochs'}`
}

/** A stage of `--strategy halving`. */
export function describeRung({ rung, rungs, epochs, trials }: RungEvent): string {
  return `Rung ${rung} of ${rungs}: ${trials.length} ${trials.length === 1 ? 'trial' : 'trials'} of ${countEpochs(epochs)}\n`
}

/** A line for a trial that is over. @param left - The time that is left, in words; empty at the end. */
export function describeTrial(event: TrialEvent, metric: SearchPlan['metric'], rungs: number, left: string): string {
  const { finished, of, trial, seconds, best } = event
  const spread = event.standardDeviation === undefined ? '' : ` ± ${showSpread(metric, event)}`
  const bestPart = best === undefined ? [] : [`best ${showMetric(metric, best)} (trial ${best.trial})`]
  const parts = [formatDuration(seconds), ...bestPart, ...(left === '' ? [] : [left])].join(', ')
  const name = rungs === 1 ? `Trial ${finished}/${of}` : `${finished}/${of} Trial ${trial}`
  return `${name} : ${capitalize(metric)} : ${showMetric(metric, event)}${spread} | ${describeValues(event.values)} | ${parts}\n`
}

function capitalize(word: string): string {
  return word.slice(0, 1).toUpperCase() + word.slice(1)
}

function describeValues(values: TriedValues): string {
  return Object.entries(values)
    .map(([name, value]) => `${wordOf(name)} ${showTried(value)}`)
    .join(', ')
}

/** The table of the best trials, and how to train with the best one. */
export function describeRanking({ metric, trials, best, command }: RankingEvent, { space, rungs, plan }: PlannedSearch): string {
  const names = Object.keys(space)
  const [hasRungs, hasSeeds] = [rungs.length > 1, plan.seeds > 1]
  const head = ['', 'Trial', ...(hasRungs ? ['Epochs'] : []), capitalize(metric), ...(hasSeeds ? ['±'] : []), ...names.map(wordOf), 'Time']
  const rows = trials
    .slice(0, SHOWN_TRIALS)
    .map((result, index) => [
      String(index + 1),
      String(result.trial),
      ...(hasRungs ? [String(result.epochs)] : []),
      showMetric(metric, result),
      ...(hasSeeds ? [showSpread(metric, result)] : []),
      ...names.map((name) => showTried(result.values[name])),
      formatDuration(result.seconds),
    ])
  const more = trials.length > SHOWN_TRIALS ? `and ${trials.length - SHOWN_TRIALS} more\n` : ''
  const table = `\n${drawColumns([head, ...rows]).join('\n')}\n${more}`
  if (best === undefined || command === undefined) return table
  const all = best.training.validationSplit === undefined ? ' on all data' : ''
  return `${table}\nTrain with the best one${all}:\n  ${command}\n`
}

const TABLE: OptionTable = { ...DATA_OPTIONS, ...HYPERPARAMETERS, ...NETWORK_CHOICES, ...OPTIONS.placement }

/** The command line that trains with the options of a trial. @param data - The options that name the images, and how they are read. */
export function trainCommandFor({ model, training }: BestTrial, data: DataFlags): string {
  const changed = changedOptions(TABLE, { ...data, ...model, ...training }).flatMap(([name, value]) => {
    const spec = TABLE[name]
    return spec === undefined ? [] : wordsOf(name, spec, value)
  })
  const normalized = model.normalization === undefined ? [] : ['--normalize']
  return ['rnn-mnist-train', ...changed.map(quoteWord), ...normalized].join(' ')
}

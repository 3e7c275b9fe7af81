/** The results of trials as lines of a file, on their way back from it, and as a table. */
import { isDeepStrictEqual } from 'node:util'
import { invalidFile } from '../files/regular-file'
import { JsonFields } from '../formats/json-fields'
import { summarizeSeeds } from './ranking'
import type { SeedResult, TrialResult } from './search-events'
import type { PlannedSearch } from './search-options'
import { showTried } from './space'

type Line = Readonly<Record<string, unknown>>

/**
 * Checks the results of a search that goes on: each must be of a trial that it has, with the options that follow from its seed.
 *
 * @throws TorchRnnError `ERR_INVALID_FILE`.
 */
export function readResults(lines: Iterable<Line>, search: PlannedSearch, file: string): TrialResult[] {
  const results: TrialResult[] = []
  const seen = new Set<string>()
  for (const line of lines) {
    const result = readResult(line, search, file)
    const place = `trial ${result.trial} of rung ${result.rung}`
    if (seen.has(place)) throw invalidFile(file, 'each trial once on a rung', `${place} twice`)
    seen.add(place)
    results.push(result)
  }
  return results
}

function readResult(line: Line, { rungs, trials, plan }: PlannedSearch, file: string): TrialResult {
  const fields = new JsonFields(line, 'record', file)
  const trial = fields.integer('trial', { min: 1, max: trials.length })
  const rung = fields.integer('rung', { min: 1, max: rungs.length })
  const { epochs } = rungs[rung - 1] as PlannedSearch['rungs'][number]
  const { values, model } = trials[trial - 1] as PlannedSearch['trials'][number]
  if (line['epochs'] !== epochs || !isDeepStrictEqual(line['values'], values)) {
    const found = `${JSON.stringify(line['values'])}, ${line['epochs']} epochs`
    const advice = 'The lines do not belong to this search.json.'
    throw invalidFile(file, `${JSON.stringify(values)}, ${epochs} epochs for trial ${trial}`, found, advice)
  }
  const seeds = readSeeds(fields.any('seeds'), model.seed, file)
  const seconds = fields.number('seconds', { min: 0 })
  const facts = { trial, rung, epochs, values }
  const state = fields.text('state', /^(completed|diverged)$/, 'completed or diverged') as TrialResult['state']
  if (state === 'diverged') return { ...facts, state, seeds, failure: fields.text('failure', /^[^\n]*$/, 'a line of text'), seconds }
  if (seeds.length !== plan.seeds) throw invalidFile(file, `${plan.seeds} seeds of trial ${trial}`, `${seeds.length}`)
  return { ...facts, state, ...summarizeSeeds(seeds, plan.metric), seeds, seconds }
}

/** @param first - The seed of the first training. */
function readSeeds(value: unknown, first: number, file: string): SeedResult[] {
  if (!Array.isArray(value)) throw invalidFile(file, 'a list of seeds', 'another value')
  return value.map((each: unknown, index) => {
    const fields = new JsonFields(each, 'seed', file)
    return {
      seed: fields.integer('seed', { min: first + index, max: first + index }),
      validationLoss: fields.number('validationLoss'),
      validationAccuracy: fields.number('validationAccuracy', { min: 0, max: 1 }),
    }
  })
}

/**
 * The results as comma-separated values, a line for each trial of each rung. An option that had no effect is empty.
 *
 * @param names - The options that vary.
 */
export function drawTable(results: readonly TrialResult[], names: readonly string[]): string {
  const measures = ['validationAccuracy', 'validationLoss', 'standardDeviation'] as const
  const rows = results.map((result) => [
    result.trial,
    result.rung,
    result.epochs,
    result.state,
    ...names.map((name) => showTried(result.values[name])),
    ...measures.map((name) => result[name] ?? ''),
  ])
  return [['trial', 'rung', 'epochs', 'state', ...names, ...measures], ...rows].map((row) => `${row.join()}\n`).join('')
}

/** Puts runs side by side. */
import { isDeepStrictEqual } from 'node:util'
import type { EpochRecord } from './log-records'
import { BUNDLED_DATA, KNOWN_OPTIONS, type RunRecord } from './run-record'

/** What an epoch is measured by. */
export const MEASURES = ['trainLoss', 'trainAccuracy', 'validationLoss', 'validationAccuracy', 'learningRate'] as const

/** A measure of all runs after an epoch; null for a run that has no such value. */
export type MeasuresOfEpoch = { readonly epoch: number } & Partial<Record<(typeof MEASURES)[number], readonly (number | null)[]>>

/** What {@link compareRuns} finds. All lists are in the order of the runs. */
export interface Comparison {
  /** The options whose values differ, by name; null for a run without that option. */
  readonly options: Readonly<Record<string, readonly unknown[]>>
  /** The measures of each epoch that any run has. A measure that no run has is left out. */
  readonly epochs: readonly MeasuresOfEpoch[]
}

/** Compares runs. Besides the options, their data, the models they began from and their devices are compared, too. */
export function compareRuns(runs: readonly RunRecord[]): Comparison {
  const settings = runs.map((run) => ({
    data: run.data ?? BUNDLED_DATA,
    model: run.model,
    ...run.options,
    device: run.device,
    threads: run.threads,
  }))
  const names = new Set(['data', 'model', ...Object.keys(KNOWN_OPTIONS)])
  const rows = Array.from(names, (name) => [name, settings.map((values) => (values as Record<string, unknown>)[name] ?? null)] as const)
  return {
    options: Object.fromEntries(rows.filter(([, values]) => values.some((value) => !isDeepStrictEqual(value, values[0])))),
    epochs: compareEpochs(runs.map((run) => run.epochs)),
  }
}

function compareEpochs(runs: readonly (readonly EpochRecord[])[]): MeasuresOfEpoch[] {
  const byEpoch = runs.map((epochs) => new Map(epochs.map((record) => [record.epoch, record])))
  const present = MEASURES.filter((measure) => runs.some((epochs) => epochs.some((record) => record[measure] !== undefined)))
  const epochs = Array.from(new Set(runs.flat().map(({ epoch }) => epoch))).sort((a, b) => a - b)
  return epochs.map((epoch) => {
    const values = (measure: (typeof MEASURES)[number]) => byEpoch.map((records) => records.get(epoch)?.[measure] ?? null)
    return { epoch, ...Object.fromEntries(present.map((measure) => [measure, values(measure)])) }
  })
}

import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { appendToFile } from '../files/append-file'
import { writeFileDurably } from '../files/durable-file'
import { toFileSystemError } from '../files/regular-file'
import { toJsonLine } from '../formats/json-lines'
import type { Evaluation } from '../model/evaluation'
import type { EpochEvent } from '../training/events'
import { EventFile } from './event-file'
import { LOG_FILES } from './run-files'

/** How a run ended that was not completed. */
export interface UnfinishedEnd {
  /** `'stopped'` by the user; `'failed'` by an error. */
  readonly state: 'stopped' | 'failed'
  /** The code of the error. */
  readonly code: string
}

/** Writes the logs of a run: {@link LOG_FILES}, and an event file for TensorBoard. Each call is in the files when it resolves. */
export class RunLogs {
  readonly #folder: string
  /** TensorBoard's file, which begins with the first values. */
  #events: EventFile | undefined
  /** Updates up to the latest epoch; undefined before the first one. */
  #step: number | undefined
  /** Where a run goes on after a pause: the first step that this process adds. */
  readonly #firstStep: number | undefined

  private constructor(folder: string, step?: number, firstStep?: number) {
    this.#folder = folder
    this.#step = step
    this.#firstStep = firstStep
  }

  /** The logs of a new run. Nothing is written yet. */
  static begin(folder: string): RunLogs {
    return new RunLogs(folder)
  }

  /**
   * The logs of a run that goes on after a pause. What was logged after the point where it goes on is removed, as if that had never been
   * computed; a line that was torn off, too.
   *
   * @param history - The whole epochs that the training goes on from.
   * @throws TorchRnnError `ERR_FILE_SYSTEM`.
   */
  static async resume(folder: string, history: readonly EpochEvent[]): Promise<RunLogs> {
    const lines = history.map((event, index) => linesOf(event, index === 0))
    for (const kind of ['metrics', 'table', 'timing'] as const) {
      const file = join(folder, LOG_FILES[kind])
      if (lines.length > 0) await writeFileDurably(file, Buffer.from(lines.map((line) => line[kind]).join('')))
      else await remove(file)
    }
    const step = history.at(-1)?.step
    return new RunLogs(folder, step, (step ?? 0) + 1)
  }

  /** Adds an epoch, with its validation where there was one. @throws TorchRnnError `ERR_FILE_SYSTEM`. */
  async addEpoch(event: EpochEvent): Promise<void> {
    const { table, metrics, timing } = linesOf(event, this.#step === undefined)
    await this.#append('table', table)
    await this.#append('metrics', metrics)
    await this.#append('timing', timing)
    this.#step = event.step
    await this.#addScalars({
      'loss/train': event.trainLoss,
      'accuracy/train': event.trainAccuracy,
      'loss/validation': event.validationLoss,
      'accuracy/validation': event.validationAccuracy,
      learning_rate: event.learningRate,
      samples_per_second: event.samplesPerSecond,
    })
  }

  /** Adds the result on a data set. @throws TorchRnnError `ERR_FILE_SYSTEM`. */
  async addEvaluation(dataset: 'test', { samples, loss, accuracy, confusionMatrix, seconds }: Evaluation): Promise<void> {
    await this.#append('metrics', toJsonLine({ type: 'evaluation', dataset, samples, loss, accuracy, confusionMatrix }))
    await this.#append('timing', toJsonLine({ type: 'evaluation', dataset, seconds }))
    await this.#addScalars({ [`loss/${dataset}`]: loss, [`accuracy/${dataset}`]: accuracy })
  }

  /** Notes why the run ended before it was completed. @throws TorchRnnError `ERR_FILE_SYSTEM`. */
  async addEnd(end: UnfinishedEnd): Promise<void> {
    await this.#append('timing', toJsonLine({ type: 'end', ...end }))
  }

  async #append(kind: keyof typeof LOG_FILES, text: string): Promise<void> {
    await appendToFile(join(this.#folder, LOG_FILES[kind]), text)
  }

  async #addScalars(scalars: Readonly<Record<string, number | undefined>>): Promise<void> {
    this.#events ??= await EventFile.create(this.#folder, this.#firstStep)
    const present = Object.entries(scalars).filter((entry): entry is [string, number] => entry[1] !== undefined)
    await this.#events.addScalars(this.#step ?? 0, Object.fromEntries(present))
  }
}

/** What an epoch adds to each file. @param isFirst - Then the table gets its headings: RFC 4180, but its lines end in a line feed alone. */
function linesOf(event: EpochEvent, isFirst: boolean): Record<keyof typeof LOG_FILES, string> {
  const { type, epoch, step, learningRate, trainLoss, trainAccuracy, validationLoss, validationAccuracy } = event
  const validation = validationLoss === undefined ? {} : { validationLoss, validationAccuracy }
  const metrics = { epoch, step, learningRate, trainLoss, trainAccuracy, ...validation }
  const { seconds, samplesPerSecond } = event
  const head = isFirst ? `${Object.keys(metrics).join()}\n` : ''
  return {
    metrics: toJsonLine({ type, ...metrics }),
    table: `${head}${Object.values(metrics).join()}\n`,
    timing: toJsonLine({ type, epoch, seconds, samplesPerSecond }),
  }
}

async function remove(file: string): Promise<void> {
  try {
    await rm(file, { force: true })
  } catch (error) {
    throw toFileSystemError('write', file, error)
  }
}

/** Folders of runs as a training leaves them, without a training. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parameterShapes } from '../../lib/model/architecture'
import { evaluationOf } from '../../lib/model/evaluation'
import { writeModelFile } from '../../lib/model/model-file'
import { resolveOptions } from '../../lib/options/checks'
import { HYPERPARAMETERS, MODEL_OPTIONS } from '../../lib/options/options'
import { pythonArguments } from '../../lib/runs/python-model'
import { CONFIG_FILE, MODEL_FILE } from '../../lib/runs/run-files'
import { RunLogs, type UnfinishedEnd } from '../../lib/runs/run-logs'
import type { EpochEvent } from '../../lib/training/events'

/** What differs from a run of two epochs that is done. */
export interface SampleRun {
  /** Options that differ from their defaults. */
  readonly options?: Readonly<Record<string, unknown>>
  readonly data?: string
  readonly created?: string
  /** Epochs that are done. */
  readonly epochs?: readonly Partial<EpochEvent>[]
  /** Whether the test set was measured. */
  readonly isDone?: boolean
  readonly end?: UnfinishedEnd
  /** What else config.json holds. */
  readonly config?: object
}

const OPTIONS = { hiddenSize: 4, numLayers: 1, numClasses: 2, epochs: 2 }

/** So many samples the sample runs have, in batches of 100. */
const TRAIN_SAMPLES = 1000

/** Of 16 samples, 12 are right. */
const RESULT = evaluationOf({
  ...{ samples: 16, loss: 0.5, seconds: 2 },
  confusionMatrix: [
    [7, 1],
    [3, 5],
  ],
})

/** An epoch of the sample runs. */
export function sampleEpoch(epoch: number, measured: Partial<EpochEvent> = {}): EpochEvent {
  const values = { learningRate: 0.001, trainLoss: 2 / epoch, trainAccuracy: 1 - 1 / (epoch + 1), seconds: 10, samplesPerSecond: 100 }
  return { type: 'epoch', epoch, epochs: 2, step: 10 * epoch, ...values, ...measured }
}

/** Writes the folder of a run. Its model is zeros. */
export async function writeSampleRun(folder: string, run: SampleRun = {}): Promise<string> {
  const { options = {}, data = 'bundled MNIST', created = '2026-11-24T21:25:08.000Z', epochs = [{}, {}], isDone = true } = run
  mkdirSync(folder, { recursive: true })
  const resolved = resolveOptions({ ...MODEL_OPTIONS, ...HYPERPARAMETERS }, { ...OPTIONS, ...options }, 'a sample')
  const versions = { 'torch-rnn-mnist': '1.2.3', libtorch: '2.15.0', node: '20.19.0' }
  const place = { versions, device: 'cpu', engine: 'torch', threads: 1 }
  const samples = { trainSamples: TRAIN_SAMPLES, testSamples: RESULT.samples }
  const config = { command: 'train', created, ...pythonArguments(resolved), ...place, data, ...samples, options: resolved, ...run.config }
  writeFileSync(join(folder, CONFIG_FILE), JSON.stringify(config))
  const zeros = Array.from(parameterShapes(resolved), ([name, shape]) => {
    return [name, { data: new Float32Array(shape.reduce((product, size) => product * size)), shape }] as const
  })
  await writeModelFile(join(folder, MODEL_FILE), resolved, new Map(zeros))
  const logs = RunLogs.begin(folder)
  for (const [index, measured] of epochs.entries()) await logs.addEpoch(sampleEpoch(index + 1, measured))
  if (isDone) await logs.addEvaluation('test', RESULT)
  if (run.end !== undefined) await logs.addEnd(run.end)
  return folder
}

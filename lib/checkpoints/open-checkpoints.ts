/** Opens the checkpoints of a training as its options ask: what it goes on from, and who keeps new ones. */
import { native } from '../addon/native'
import type { Caller } from '../addon/native-errors'
import { identifyDataset } from '../data/identity'
import { toPath } from '../files/path-argument'
import type { ModelSession } from '../model/session'
import type { ResolvedModelOptions } from '../options/options'
import type { Training } from '../training/training'
import type { TrainingData } from '../training/training-data'
import { PACKAGE_VERSION } from '../version'
import { type ComputingPlace, readCheckpoint, type TrainingOrigin } from './checkpoint-file'
import { CheckpointFolder, findCheckpoint, type KeepingRules } from './checkpoint-folder'
import { checkResumedData, checkResumedModel, type ResumedCheckpoint, warnOfOtherPlace } from './resume'

/** A model that can be trained. */
export interface Trainee {
  readonly session: ModelSession
  readonly options: ResolvedModelOptions
  /** As resolved: "cpu" or "cuda:0". */
  readonly device: string
  readonly engine: 'torch' | 'fused'
  readonly instructionSet: string
}

/** The checkpoints of one training. */
export interface OpenCheckpoints extends Pick<Training, 'keeper' | 'start'> {
  /** Lets another training use their folder. */
  close(): Promise<void>
}

/**
 * Reads the checkpoint that a training is resumed from.
 *
 * @param from - A file, or a folder, whose latest checkpoint is meant.
 * @throws TorchRnnError `ERR_INVALID_OPTION`, `ERR_INVALID_FILE`, `ERR_FILE_SYSTEM`.
 */
export async function readResumed(from: unknown): Promise<ResumedCheckpoint> {
  const file = await findCheckpoint(
    toPath(from, 'resume', 'the path of a checkpoint or of a folder with checkpoints', 'ERR_INVALID_OPTION'),
  )
  return { checkpoint: await readCheckpoint(file), file }
}

/**
 * Checks what a training goes on from against the model and the data, and takes the folder of its checkpoints.
 *
 * @param rules - When and where checkpoints are kept; undefined: never.
 * @param resumed - Undefined for a training from its beginning.
 * @throws TorchRnnError `ERR_INVALID_OPTION`, `ERR_INVALID_DATA`, `ERR_BUSY`, `ERR_FILE_SYSTEM`.
 */
export async function openCheckpoints(
  trainee: Trainee,
  data: TrainingData,
  rules: KeepingRules | undefined,
  resumed: ResumedCheckpoint | undefined,
  caller: Caller,
): Promise<OpenCheckpoints> {
  // A training that is resumed has rules always.
  if (rules === undefined) return { keeper: undefined, start: undefined, close: async () => undefined }
  if (resumed !== undefined) checkResumedModel(trainee.options, resumed)
  const origin = await originOf(trainee, data, caller)
  if (resumed !== undefined) {
    checkResumedData(origin.data, resumed)
    warnOfOtherPlace(origin.place, resumed)
  }
  const keeper = await CheckpointFolder.open(rules, origin, resumed)
  return { keeper, start: resumed?.checkpoint, close: () => keeper.close() }
}

async function originOf(trainee: Trainee, data: TrainingData, caller: Caller): Promise<TrainingOrigin> {
  const { session, options } = trainee
  const { train, validation } = data.datasets
  const threads = await session.run(() => session.native.threadCount(), caller)
  return {
    model: options,
    data: { train: await identifyDataset(train), validation: validation === undefined ? null : await identifyDataset(validation) },
    place: placeOf(trainee, threads),
    packageVersion: PACKAGE_VERSION,
  }
}

/** Where a model computes. @param threads - Of this model, on the CPU. */
export function placeOf({ options, device, engine, instructionSet }: Omit<Trainee, 'session'>, threads: number): ComputingPlace {
  return {
    ...{ device, engine, threads, precision: options.precision },
    ...(engine === 'fused' && { instructionSet }),
    ...{ cpuCapability: native().cpuBackend().capability, libtorch: native().torchVersion },
  }
}

/** The options of a training, as rows of the table in options.ts. */
import type {
  AugmentationOptions,
  EarlyStoppingOptions,
  OptimizerOptions,
  ScheduleOptions,
  TrainHyperparameters,
  ValidationOptions,
} from './option-types'
import type { TableFor } from './specs'

/** How many samples may be computed together. */
export const batchSizes = { kind: 'integer', min: 1, max: 65536 } as const

/** How to train. */
export const training = {
  epochs: { kind: 'integer', min: 1, max: 1_000_000, default: 10, summary: 'passes over the training set' },
  batchSize: { ...batchSizes, default: 128, summary: 'samples that are computed together', search: { choices: [32, 64, 128, 256] } },
  shuffle: { kind: 'boolean', default: true, summary: 'visit the samples in a new random order every epoch' },
  logInterval: { kind: 'integer', min: 1, max: 1_000_000, default: 10, summary: 'batches between two progress events' },
} as const satisfies Partial<TableFor<TrainHyperparameters>>

/** How the gradients become updates. */
export const optimizer = {
  optimizer: {
    kind: 'choice',
    choices: ['adam', 'adamw', 'muon'],
    default: 'adam',
    summary: 'adam; adamw with decoupled weight decay; or muon, which turns the hidden matrices by orthogonal ones',
    search: { choices: ['adam', 'adamw', 'muon'] },
  },
  learningRate: {
    kind: 'number',
    min: 0,
    max: 100,
    default: 1e-3,
    summary: "step size: the schedule's first or highest rate",
    search: { scale: 'log', low: 1e-4, high: 1e-2 },
  },
  betas: { kind: 'pair', min: 0, below: 1, default: [0.9, 0.999], summary: "how slowly Adam's two running means follow" },
  weightDecay: {
    kind: 'number',
    min: 0,
    max: 100,
    optional: true,
    summary: 'pull of the parameters towards zero',
    whenAbsent: '0 with adam, 0.01 with adamw, 0.1 with muon',
    search: { scale: 'log', low: 1e-5, high: 1e-1 },
  },
  momentum: {
    kind: 'number',
    min: 0,
    below: 1,
    default: 0.95,
    summary: "how slowly muon's running mean of the gradients follows",
    search: { scale: 'linear', low: 0.8, high: 0.98 },
  },
  clipGradNorm: {
    kind: 'number',
    above: 0,
    optional: true,
    summary: 'scale larger gradients down to this norm',
    whenAbsent: 'never',
    search: { scale: 'log', low: 0.1, high: 10 },
  },
  labelSmoothing: {
    kind: 'number',
    min: 0,
    max: 1,
    default: 0,
    summary: 'share of the target that is spread over all classes',
    search: { scale: 'linear', low: 0, high: 0.2 },
  },
  accumulationSteps: {
    kind: 'integer',
    min: 1,
    max: 1_000_000,
    default: 1,
    summary: 'batches whose gradients make one update',
    search: { choices: [1, 2, 4] },
  },
  emaDecay: {
    kind: 'number',
    min: 0,
    below: 1,
    optional: true,
    summary: 'decay of a moving average of the parameters, which the model then holds',
    whenAbsent: 'no average',
    search: { choices: [null, 0.9, 0.99, 0.999] },
  },
} as const satisfies TableFor<OptimizerOptions>

/** How the learning rate changes. */
export const schedule = {
  schedule: {
    kind: 'choice',
    choices: ['constant', 'step', 'cosine', 'one-cycle', 'warmup-cosine', 'plateau'],
    default: 'constant',
    summary: 'how the learning rate changes',
    search: { choices: ['constant', 'cosine', 'one-cycle', 'warmup-cosine'] },
  },
  stepSize: {
    kind: 'integer',
    min: 1,
    max: 1_000_000,
    default: 5,
    summary: 'epochs between two steps of the schedule step',
    search: { scale: 'linear', low: 1, high: 10 },
  },
  gamma: {
    kind: 'number',
    above: 0,
    max: 1,
    default: 0.1,
    summary: 'what step and plateau multiply the rate by',
    search: { scale: 'linear', low: 0.1, high: 0.9 },
  },
  warmup: {
    kind: 'number',
    min: 0,
    max: 1,
    optional: true,
    summary: 'share of all updates in which the rate rises',
    whenAbsent: '0.3 with one-cycle, 0.05 with warmup-cosine',
    search: { scale: 'linear', low: 0.02, high: 0.4 },
  },
  minLearningRate: {
    kind: 'number',
    min: 0,
    max: 100,
    default: 0,
    summary: 'last rate of cosine and warmup-cosine, lowest one of plateau',
    search: { scale: 'log', low: 1e-6, high: 1e-4 },
  },
  plateauPatience: {
    kind: 'integer',
    min: 0,
    max: 1_000_000,
    default: 10,
    summary: 'epochs without a lower validation loss before plateau lowers the rate',
    search: { scale: 'linear', low: 0, high: 5 },
  },
} as const satisfies TableFor<ScheduleOptions>

/** What a model is measured on while it trains. */
export const validation = {
  validationSplit: {
    kind: 'part',
    optional: true,
    summary: 'training samples to set aside, on which every epoch is measured',
    whenAbsent: 'none',
  },
} as const satisfies TableFor<ValidationOptions>

/** When a training ends early. */
export const earlyStopping = {
  earlyStoppingPatience: {
    kind: 'integer',
    min: 1,
    max: 1_000_000,
    optional: true,
    summary: 'end after so many epochs without a lower validation loss',
    whenAbsent: 'never',
  },
  restoreBest: { kind: 'boolean', default: true, summary: 'go back to the best epoch at the end of a training with early stopping' },
} as const satisfies TableFor<EarlyStoppingOptions>

/** Random changes of the training images. */
export const augmentation = {
  augmentShift: {
    kind: 'number',
    min: 0,
    max: 1000,
    default: 0,
    summary: 'largest random shift of a training image, in pixels',
    search: { scale: 'linear', low: 0, high: 3 },
  },
  augmentRotation: {
    kind: 'number',
    min: 0,
    max: 180,
    default: 0,
    summary: 'largest random rotation, in degrees',
    search: { scale: 'linear', low: 0, high: 15 },
  },
  augmentScale: {
    kind: 'number',
    min: 0,
    max: 0.9,
    default: 0,
    summary: 'largest random change of size: 0.1 gives 0.9 to 1.1',
    search: { scale: 'linear', low: 0, high: 0.2 },
  },
  augmentShear: {
    kind: 'number',
    min: 0,
    max: 80,
    default: 0,
    summary: 'largest random shear, in degrees: how far upright lines lean',
    search: { scale: 'linear', low: 0, high: 10 },
  },
  augmentFlip: {
    kind: 'number',
    min: 0,
    max: 1,
    default: 0,
    summary: 'probability that an image is mirrored left to right: for pictures of things, not of digits',
    search: { scale: 'linear', low: 0, high: 0.5 },
  },
} as const satisfies TableFor<AugmentationOptions>

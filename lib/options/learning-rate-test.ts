/** The options of the learning-rate range test. Where a training has the same option, the spec is that of options.ts. */
import { type AugmentationOptions, OPTIONS, type OptimizerOptions, type TrainHyperparameters } from './options'
import type { TableFor } from './specs'

/** How the rate grows, and how the model is trained meanwhile: as by `train`, but with the rate of the test and no schedule. */
export interface LearningRateTestHyperparameters
  extends Omit<OptimizerOptions, 'learningRate' | 'emaDecay'>,
    AugmentationOptions,
    Pick<TrainHyperparameters, 'batchSize' | 'shuffle'> {
  /** The rate of the first step, above 0. Default 1e-5. */
  startLearningRate?: number | undefined
  /** The rate of the last step, above `startLearningRate` and at most 100. Default 1. */
  endLearningRate?: number | undefined
  /**
   * Updates over which the rate grows: a batch each, or `accumulationSteps` of them. Where the data set has fewer batches, it is passed
   * through several times. 10 to 100,000, default 200.
   */
  steps?: number | undefined
}

/**
 * fastai's lr_find goes from 1e-7 to 10. This range is narrower, and so finer, which matters because the smoothed loss lags behind. An update of
 * Adam changes a parameter by about the rate itself, and those of the network start below 0.1 (the identities apart). So at the lower end a few
 * dozen steps change next to nothing, and at the upper end one replaces them all: the tutorial's network on MNIST diverges near 0.2.
 */
const range = {
  startLearningRate: { kind: 'number', above: 0, max: 100, default: 1e-5, summary: 'the rate of the first step' },
  endLearningRate: { kind: 'number', above: 0, max: 100, default: 1, summary: 'the rate of the last step' },
  steps: { kind: 'integer', min: 10, max: 100_000, default: 200, summary: 'updates over which the rate grows' },
} as const

const { batchSize, shuffle } = OPTIONS.training
const { learningRate: _, emaDecay: __, ...optimizer } = OPTIONS.optimizer

/** What `findLearningRate` takes, in groups. An average of the parameters is left out: the losses of a training do not depend on it. */
export const LEARNING_RATE_TEST_GROUPS = { range, training: { batchSize, shuffle }, optimizer, augmentation: OPTIONS.augmentation } as const

/** All of them. */
export const LEARNING_RATE_TEST_OPTIONS = {
  ...range,
  batchSize,
  shuffle,
  ...optimizer,
  ...OPTIONS.augmentation,
} as const satisfies TableFor<LearningRateTestHyperparameters>

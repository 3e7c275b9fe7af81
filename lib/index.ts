// Kept in the typings, so that they know Symbol.dispose whatever the user's `lib` is.
/// <reference lib="esnext.disposable" preserve="true" />

export type { ClassPictureOptions } from './charts/class-probabilities'
export type { ConfusionMatrixOptions } from './charts/confusion-matrix'
export type { Mistake, MistakesOptions } from './charts/mistakes'
export type { PictureOptions } from './charts/picture'
export type { SamplePictureOptions } from './charts/sample-input'
export type { Theme } from './charts/theme'
export type { EpochOfCurve, TrainingCurve } from './charts/training-curves'
export type { CheckpointOptions } from './checkpoints/checkpoint-options'
export { ImageDataset, type ImageDatasetInit } from './data/dataset'
export type { ImageBatch, ImageInput } from './data/image-batch'
export type { LoadIdxOptions } from './data/load-idx'
export type { LoadedImages, LoadImagesOptions } from './data/load-images'
export type { LoadMnistOptions, Mnist } from './data/mnist'
export { type ErrorCode, TorchRnnError, type TorchRnnErrorDetails } from './errors'
export {
  findLearningRate,
  findMistakes,
  loadIdx,
  loadImages,
  loadMnist,
  plotClassProbabilities,
  plotConfusionMatrix,
  plotEigenvalues,
  plotGradientNorms,
  plotHiddenStates,
  plotMistakes,
  plotRecurrentWeights,
  plotTrainingCurves,
  prepareDigits,
  readDigits,
  searchHyperparameters,
} from './functions'
export type { PictureLimits } from './images/decode-picture'
export type { GreyPicture } from './images/grey-picture'
export type { DigitBox, PreparedDigits } from './images/prepare-digits'
export type { ClassMetrics, Evaluation, MistakenSample } from './model/evaluation'
export type { ForwardHook, ForwardHookEvent, HookHandle, ModuleName } from './model/forward-hooks'
export { type EvaluationOptions, ImageRNN, type InferenceOptions, type Prediction } from './model/image-rnn'
export type { Inspection, InspectOptions } from './model/inspection'
export { type LoadOptions, loadLibtorch } from './model/load-libtorch'
export { SaveFeatures } from './model/save-features'
export type { LearningRateTestHyperparameters } from './options/learning-rate-test'
export type { Normalization } from './options/normalization'
export type {
  BatchingOptions,
  LabellingOptions,
  MistakeOptions,
  ModelOptions,
  OnnxOptions,
  PlacementOptions,
  ReadingOptions,
  ResolvedModelOptions,
  SearchPlanOptions,
  TrainHyperparameters,
} from './options/options'
export type { TriedValue } from './options/specs'
export type { LearningRatePoint, LearningRateSuggestions } from './search/learning-rate-curve'
export type { LearningRateStep, LearningRateTest, LearningRateTestOptions } from './search/learning-rate-test'
export type {
  BestTrial,
  RungEvent,
  SearchEvent,
  SearchResult,
  SearchStartEvent,
  SeedResult,
  TrialEvent,
  TrialPlace,
  TrialResult,
  TrialStartEvent,
} from './search/search-events'
export type { SearchOptions } from './search/search-options'
export type { SearchableOption, TriedValues, VariedOptions, VariedRange } from './search/space'
export type { Tensor } from './tensor'
export type { BatchEvent, CheckpointEvent, EpochEvent, TrainingEvent } from './training/events'
export { RECIPES, type Recipe, type RecipeName } from './training/recipes'
export type { History, TrainEventsOptions, TrainOptions } from './training/train-options'

declare global {
  // From @types/node or TypeScript's lib "dom", with which these are merged. Here for projects that have neither.
  interface AbortSignal {
    readonly aborted: boolean
  }
  interface URL {
    href: string
  }
}

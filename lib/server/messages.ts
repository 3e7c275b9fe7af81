/**
 * What the live page and its server say to each other, as JSON. Types alone: nothing of the server gets into the page through this file.
 *
 * Accuracies and probabilities are shares from 0 to 1, losses mean cross entropies in nats, times in seconds. Letters: T rows of an image,
 * L layers, H neurons of a layer, C classes.
 */

/** The network that reads what is drawn. */
export interface ModelView {
  /** Which of the two it is: the one that the page was started with, or the one that was trained last in the page. */
  choice: ModelChoice
  /** Counts up with every change of the network, so that answers of different ones can be told apart. */
  revision: number
  /** Where it comes from: a file, or words where there is none. */
  name: string
  numLayers: number
  hiddenSize: number
  nonlinearity: string
  parameters: number
  /** What its classes are called, by label. Absent where they have no names. */
  classNames?: readonly string[]
  /** Whether there is a network that was trained in the page, so that one can choose. */
  hasTrained: boolean
}

export type ModelChoice = 'first' | 'trained'

/** What the network makes of a drawing. */
export interface ReadingMessage {
  /** Of {@link ModelView.revision}. */
  revision: number
  class: number
  probability: number
  /** The prepared image, `[28, 28]`: base64 of bytes, 0 = background ... 255 = ink. */
  image: string
  rows: number
  classes: number
  /** The probabilities after each row, `[T, C]`: base64 of float32, little endian. */
  probabilities: string
  states: StatesMessage
  /** Time that the server took. */
  milliseconds: number
}

/** The states of the recurrent layers after each row. */
export interface StatesMessage {
  layers: number
  /** Neurons of a layer that are sent. Of layers with more, every {@link stride}-th one. */
  neurons: number
  stride: number
  /** What 127 stands for: the largest state in absolute value. */
  scale: number
  /** `[L, T, neurons]`: base64 of int8, -127 ... 127. */
  values: string
}

/** What a training in the page is asked for. What is left out is as in the recipe. */
export interface TrainingRequest {
  recipe?: string
  epochs?: number
  hiddenSize?: number
  learningRate?: number
}

/** A recipe, with what it stands for. */
export interface RecipeView {
  name: string
  epochs: number
  hiddenSize: number
  learningRate: number
}

/** Some batches of a training. */
export interface CurvePoint {
  /** Epochs that were done at their end, with fractions. */
  epoch: number
  /** Means over their samples, each measured before the update that it is a part of. */
  loss: number
  accuracy: number
}

/** An epoch that is over. */
export interface EpochView {
  epoch: number
  trainLoss: number
  trainAccuracy: number
  seconds: number
}

/** What the network still gets wrong, after an epoch. */
export interface MistakesView {
  /** Whole epochs that the network was trained for. */
  epoch: number
  /** Test images that were looked at, and how many of them it gets wrong. */
  samples: number
  wrong: number
  /** The most confident of these. */
  shown: Mistake[]
  /** What the classes are called, by label. Absent where they have no names. */
  classNames?: readonly string[]
}

export interface Mistake {
  /** `[28, 28]`: base64 of bytes. */
  image: string
  /** What it is, and what the network takes it for. */
  label: number
  answer: number
  /** Of the wrong answer. */
  probability: number
}

export type TrainingState = 'idle' | 'starting' | 'running' | 'stopping' | 'done' | 'stopped' | 'failed'

/** How a training is. */
export interface TrainingView {
  state: TrainingState
  /** Counts up with every training that is started. */
  number: number
  recipe: string
  epochs: number
  hiddenSize: number
  learningRate: number
  /** Epochs that are done, with fractions. */
  progress: number
  /** Estimated time that is left; only while it runs. */
  secondsLeft?: number
  /** Means of the running epoch, or of the latest one. */
  loss?: number
  accuracy?: number
  finished: EpochView[]
  /** On all test images, once it is done. */
  test?: { accuracy: number; loss: number; samples: number }
  /** The folder of its run. */
  run?: string
  /** Why it failed, or what else there is to know. */
  message?: string
}

/** Sent by `GET /api/events`: first all there is, then what has changed. */
export interface UpdateMessage {
  version: string
  model: ModelView
  training: TrainingView
  recipes: RecipeView[]
  /** Points of the curve from this one on; what the page has from there on is replaced. */
  from: number
  points: CurvePoint[]
  /** Only when they have changed; null when there are none any more. */
  mistakes?: MistakesView | null
}

/** Why a request was refused. */
export interface RefusalMessage {
  /** A code of TorchRnnError, or one of {@link RequestCode}. */
  code: string
  message: string
}

/** What only a request can do wrong. */
export type RequestCode =
  | 'ERR_HOST'
  | 'ERR_ORIGIN'
  | 'ERR_NOT_FOUND'
  | 'ERR_METHOD'
  | 'ERR_MEDIA_TYPE'
  | 'ERR_TOO_LARGE'
  | 'ERR_TOO_MANY'
  | 'ERR_INTERNAL'

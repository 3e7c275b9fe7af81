/**
 * All options, in groups. The checks of the API, the flags of the command line, `--help`, shell completion, `config.json` and every list of
 * option names follow from this table: an option that is added here is added everywhere.
 */
import type { TableFor } from './specs'

/** Where and how a model computes. None of these options changes which parameters it has. */
export interface PlacementOptions {
  /** Every random choice of the model follows from this. Default 1. */
  seed?: number | undefined
  /**
   * Where to compute: `'auto'` (CUDA where there is some, else the CPU; always the CPU with the engine `'fused'`), `'cpu'`, `'cuda'` or
   * `'cuda:N'`. Default `'auto'`.
   */
  device?: string | undefined
  /**
   * What computes logits and gradients. `'torch'` is libtorch's nn::RNN with autograd, on any device and in any precision. `'fused'` is this
   * package's own code for the CPU, several times as fast, in float32; the numbers are the same up to rounding. `'auto'` is `'fused'` on the CPU,
   * unless the precision is bf16, and else `'torch'`. Default `'auto'`.
   *
   * Forward hooks see the tensors of nn::RNN. So forward, predict and evaluate always run through it while there are hooks. A training does
   * so with `'auto'`, and there is a process warning (`TORCH_RNN_MNIST_ENGINE`); with `'fused'` it is refused.
   */
  engine?: 'auto' | 'torch' | 'fused' | undefined
  /**
   * Threads of one operation on the CPU; more of them than cores make it slower. 0 takes as many as libtorch finds cores, but no more than
   * the process may use: its CPU affinity and the quota of its container count. Default 0.
   */
  threads?: number | undefined
  /**
   * How the matrices are multiplied: `'float32'`; or `'tf32'`, which rounds the operands of the recurrent layers to 10 bits of mantissa on a
   * GPU and is faster on NVIDIA's Ampere and newer (the CPU computes in float32 with it); or `'bf16'`, which computes forward and backward
   * pass in bfloat16, as PyTorch's autocast does on the CPU. Every CPU can, but it is meant for those with instructions for it; a GPU must be
   * NVIDIA's Ampere or newer. Parameters, loss and optimizer are always float32. Default `'float32'`.
   */
  precision?: 'float32' | 'tf32' | 'bf16' | undefined
}

/** What a model is made of and where it computes. Everything is optional; the defaults are the tutorial's network. */
export interface ModelOptions extends PlacementOptions {
  /** Features per time step: the pixels of a row (F). Default 28. */
  inputSize?: number | undefined
  /** Neurons in each recurrent layer (H). Default 150. */
  hiddenSize?: number | undefined
  /** Recurrent layers on top of each other (L). Default 3. */
  numLayers?: number | undefined
  /** Classes to tell apart (C), 1 to 256: a label is one byte. Default 10. */
  numClasses?: number | undefined
  /** Activation of the recurrent layers. Default `'tanh'`. */
  nonlinearity?: 'tanh' | 'relu' | undefined
  /** Start of the recurrent matrices: the identity (the tutorial's trick), or PyTorch's own uniform start. Default `'identity'`. */
  recurrentInit?: 'identity' | 'uniform' | undefined
}

/** The options of a model as resolved: each has a value. */
export type ResolvedModelOptions = { readonly [Key in keyof ModelOptions]-?: Exclude<ModelOptions[Key], undefined> }

/** How the gradients become updates. The defaults are those of torch.optim.Adam. */
export interface OptimizerOptions {
  /**
   * - `'adam'`: torch.optim.Adam
   * - `'adamw'`: torch.optim.AdamW, with decoupled weight decay
   * - `'muon'`: torch.optim.Muon for the matrices between hidden states (every weight_hh, and weight_ih above the first layer), with Nesterov's
   *   momentum, decoupled weight decay and `adjust_lr_fn="match_rms_adamw"`; AdamW for all other parameters, with the same rate and decay.
   *   An update takes longer, and fewer are needed. Muon's matrices are made orthogonal in float32, where PyTorch uses bfloat16.
   *
   * Default `'adam'`.
   */
  optimizer?: 'adam' | 'adamw' | 'muon' | undefined
  /** Step size: the rate that the schedule starts from, or its highest one. Default 0.001. */
  learningRate?: number | undefined
  /** How slowly Adam's running means of the gradients and of their squares follow, each 0 to below 1. Default `[0.9, 0.999]`. */
  betas?: readonly [number, number] | undefined
  /**
   * Pull of the parameters towards zero: part of the gradient with `'adam'`, apart from it with the others. Default 0 with `'adam'`, 0.01 with
   * `'adamw'`, 0.1 with `'muon'`, as in PyTorch.
   */
  weightDecay?: number | undefined
  /** How slowly Muon's running mean of the gradients follows, 0 to below 1. Default 0.95. */
  momentum?: number | undefined
  /** Gradients whose norm over all parameters is larger are scaled down to it, as torch.nn.utils.clip_grad_norm_ does. Absent: never. */
  clipGradNorm?: number | undefined
  /** Share of the target that is spread evenly over all classes, 0 to 1, as in torch.nn.CrossEntropyLoss. Default 0. */
  labelSmoothing?: number | undefined
  /** Batches whose gradients make one update; the last update of an epoch may have fewer. Default 1. */
  accumulationSteps?: number | undefined
  /**
   * Decay of an exponential moving average of the parameters, 0 to below 1, which starts from the first parameters and follows every update.
   * Between the epochs and at the end the model holds the average; training goes on from the parameters themselves. Absent: no average.
   */
  emaDecay?: number | undefined
}

/**
 * How the learning rate changes, as with PyTorch's schedulers. An option of a schedule that was not chosen is refused, unless it has its
 * default: it would have no effect.
 */
export interface ScheduleOptions {
  /**
   * - `'constant'`
   * - `'step'`: multiplied by `gamma` every `stepSize` epochs (StepLR)
   * - `'cosine'`: half a wave over all updates, from `learningRate` down to `minLearningRate` (CosineAnnealingLR)
   * - `'one-cycle'`: half a wave up from a 25th of `learningRate`, and one down to almost nothing (OneCycleLR)
   * - `'warmup-cosine'`: in a straight line up from a tenth of `learningRate`, then `'cosine'` (SequentialLR of LinearLR and CosineAnnealingLR)
   * - `'plateau'`: multiplied by `gamma` when the validation loss falls no more (ReduceLROnPlateau); needs validation samples
   *
   * Default `'constant'`.
   */
  schedule?: 'constant' | 'step' | 'cosine' | 'one-cycle' | 'warmup-cosine' | 'plateau' | undefined
  /** Epochs between two steps of `'step'`. Default 5. */
  stepSize?: number | undefined
  /** What the rate is multiplied by at each step of `'step'`, and when `'plateau'` reduces it (then below 1). Default 0.1. */
  gamma?: number | undefined
  /** Share of all updates during which the rate rises, 0 to 1. Default 0.3 with `'one-cycle'` and 0.05 with `'warmup-cosine'`. */
  warmup?: number | undefined
  /** The rate that `'cosine'` and `'warmup-cosine'` go down to, and the lowest one of `'plateau'`; at most `learningRate`. Default 0. */
  minLearningRate?: number | undefined
  /**
   * Epochs in a row whose validation loss is not lower, by at least a ten-thousandth, that `'plateau'` bears; the next one reduces the rate.
   * Default 10.
   */
  plateauPatience?: number | undefined
}

/** What a model is measured on while it trains. */
export interface ValidationOptions {
  /**
   * Sets a part of the training set aside for validation: a number of samples (an integer from 1), or a share of them (between 0 and 1). The
   * model does not learn from them. Its seed alone decides which samples these are, so a second training of the model sets the same ones
   * aside. Absent: none.
   */
  validationSplit?: number | undefined
}

/** When a training ends before its last epoch. */
export interface EarlyStoppingOptions {
  /** Epochs in a row without a lower validation loss after which the training ends. Needs validation samples. Absent: never. */
  earlyStoppingPatience?: number | undefined
  /**
   * Whether a training with early stopping gives the model, at its end, the parameters of the epoch with the lowest validation loss (with
   * `emaDecay` the average as it was then), also when it ran to its last epoch. Default true.
   */
  restoreBest?: boolean | undefined
}

/**
 * Random changes of the training images, as torchvision's RandomAffine makes them: about the centre, an image is sheared, scaled, rotated, then
 * shifted, with bilinear interpolation, and 0 where nothing was. Every number is drawn uniformly from its range, anew for every sample and
 * epoch; it follows from the model's seed, the epoch and the sample's index in the training set alone. Validation and evaluation see the images
 * as they are. All 0 (the default): no changes.
 */
export interface AugmentationOptions {
  /** Largest shift along each axis, to either side, in pixels, 0 to 1000. Fractions of a pixel are drawn, too. Default 0. */
  augmentShift?: number | undefined
  /** Largest rotation about the centre, to either side, in degrees, 0 to 180. Default 0. */
  augmentRotation?: number | undefined
  /** Largest change of size, 0 to 0.9: 0.1 gives 0.9 to 1.1 times. Default 0. */
  augmentScale?: number | undefined
  /** Largest horizontal shear, to either side, in degrees, 0 to 80: the angle by which upright lines lean. Default 0. */
  augmentShear?: number | undefined
}

/** How to train. Everything is optional; the defaults are the tutorial's. */
export interface TrainHyperparameters
  extends OptimizerOptions,
    ScheduleOptions,
    ValidationOptions,
    EarlyStoppingOptions,
    AugmentationOptions {
  /** Passes over the training set. Default 10. */
  epochs?: number | undefined
  /** Samples that are computed together (N). Default 128. */
  batchSize?: number | undefined
  /** Whether every epoch visits the samples in a new random order. Default true. */
  shuffle?: boolean | undefined
  /** Batches between two progress events; the last batch of an epoch always reports. Default 10. */
  logInterval?: number | undefined
}

/** How a search tries options: how many trials there are, how long each is, and what is the best. */
export interface SearchPlanOptions {
  /**
   * - `'random'`: every trial has as many epochs as the training options say
   * - `'halving'`: all trials begin with few epochs; the best of them, one in `eta`, are trained anew with `eta` times the epochs, and so on,
   *   until the training options' epochs are reached (successive halving: Jamieson and Talwalkar, "Non-stochastic best arm identification
   *   and hyperparameter optimization", 2016; the inner loop of Hyperband, Li et al., 2018)
   *
   * Default `'random'`.
   */
  strategy?: 'random' | 'halving' | undefined
  /** How many sets of options are tried, 1 to 10000. Default 20. */
  trials?: number | undefined
  /** One in so many trials goes on to the next rung of `'halving'`, 2 to 100. Default 3. */
  eta?: number | undefined
  /** The fewest epochs that a trial of `'halving'` begins with. Default 1. */
  minEpochs?: number | undefined
  /**
   * What ranks the trials, on the validation samples: `'accuracy'` (the higher; of equal ones, the lower loss), or `'loss'` (the lower).
   * Default `'accuracy'`.
   */
  metric?: 'accuracy' | 'loss' | undefined
  /**
   * Trainings of each trial, with the seed of the model and those that follow it, 1 to 100. The trials are ranked by the mean. Default 1.
   */
  seeds?: number | undefined
}

/** How to compute many images. */
export interface BatchingOptions {
  /** Samples that are computed at once, 1 to 65536. Default 1000; but where there are hooks, forward and predict compute all at once. */
  batchSize?: number | undefined
}

/** What decides which parameters a network has and what it computes with them. A model file holds these. */
const architecture = {
  inputSize: { kind: 'integer', min: 1, max: 65536, default: 28, summary: 'features per time step: pixels of a row', fromData: true },
  hiddenSize: {
    kind: 'integer',
    min: 1,
    max: 16384,
    default: 150,
    summary: 'neurons in each recurrent layer',
    search: { scale: 'log', low: 32, high: 256 },
  },
  numLayers: {
    kind: 'integer',
    min: 1,
    max: 64,
    default: 3,
    summary: 'recurrent layers on top of each other',
    search: { scale: 'linear', low: 1, high: 4 },
  },
  numClasses: { kind: 'integer', min: 1, max: 256, default: 10, summary: 'classes to tell apart', fromData: true },
  nonlinearity: {
    kind: 'choice',
    choices: ['tanh', 'relu'],
    default: 'tanh',
    summary: 'activation of the recurrent layers',
    search: { choices: ['tanh', 'relu'] },
  },
} as const satisfies Partial<TableFor<ModelOptions>>

/** The values that the parameters of a new network start from. */
const initialisation = {
  recurrentInit: {
    kind: 'choice',
    choices: ['identity', 'uniform'],
    default: 'identity',
    summary: "start of the recurrent matrices: the tutorial's identity or PyTorch's uniform",
    search: { choices: ['identity', 'uniform'] },
  },
} as const satisfies Partial<TableFor<ModelOptions>>

/** Where and how a model computes. */
const placement = {
  seed: { kind: 'integer', min: 0, max: Number.MAX_SAFE_INTEGER, default: 1, summary: 'every random choice follows from it' },
  device: {
    kind: 'text',
    pattern: /^(auto|cpu|cuda|cuda:\d{1,3})$/,
    expected: 'auto, cpu, cuda or cuda:N',
    completions: ['auto', 'cpu', 'cuda'],
    default: 'auto',
    summary: 'where to compute: auto, cpu, cuda or cuda:N',
  },
  engine: {
    kind: 'choice',
    choices: ['auto', 'torch', 'fused'],
    default: 'auto',
    summary: 'what computes: torch is libtorch on any device, fused is several times as fast on a CPU; auto: fused where it can',
  },
  threads: {
    kind: 'integer',
    min: 0,
    max: 1024,
    default: 0,
    summary: 'CPU threads of one operation; 0: one for each core that may be used',
  },
  precision: {
    kind: 'choice',
    choices: ['float32', 'tf32', 'bf16'],
    default: 'float32',
    summary: 'of matrix products: tf32 (on a GPU) and bf16 (where the device supports it) are less exact',
  },
} as const satisfies TableFor<PlacementOptions>

const batchSizes = { kind: 'integer', min: 1, max: 65536 } as const

/** How to train. */
const training = {
  epochs: { kind: 'integer', min: 1, max: 1_000_000, default: 10, summary: 'passes over the training set' },
  batchSize: { ...batchSizes, default: 128, summary: 'samples that are computed together', search: { choices: [32, 64, 128, 256] } },
  shuffle: { kind: 'boolean', default: true, summary: 'visit the samples in a new random order every epoch' },
  logInterval: { kind: 'integer', min: 1, max: 1_000_000, default: 10, summary: 'batches between two progress events' },
} as const satisfies Partial<TableFor<TrainHyperparameters>>

/** How the gradients become updates. */
const optimizer = {
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
  momentum: { kind: 'number', min: 0, below: 1, default: 0.95, summary: "how slowly muon's running mean of the gradients follows" },
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
const schedule = {
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
const validation = {
  validationSplit: {
    kind: 'part',
    optional: true,
    summary: 'training samples to set aside, on which every epoch is measured',
    whenAbsent: 'none',
  },
} as const satisfies TableFor<ValidationOptions>

/** When a training ends early. */
const earlyStopping = {
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
const augmentation = {
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
} as const satisfies TableFor<AugmentationOptions>

/** How a search tries options. */
const search = {
  strategy: {
    kind: 'choice',
    choices: ['random', 'halving'],
    default: 'random',
    summary: 'how to search: random, or halving, which gives most epochs to the best trials',
  },
  trials: { kind: 'integer', min: 1, max: 10_000, default: 20, summary: 'sets of options to try' },
  eta: { kind: 'integer', min: 2, max: 100, default: 3, summary: 'halving: one in so many trials goes on, with so many times the epochs' },
  minEpochs: { kind: 'integer', min: 1, max: 1_000_000, default: 1, summary: 'halving: the fewest epochs that a trial begins with' },
  metric: {
    kind: 'choice',
    choices: ['accuracy', 'loss'],
    default: 'accuracy',
    summary: 'what ranks the trials, on the validation samples',
  },
  seeds: { kind: 'integer', min: 1, max: 100, default: 1, summary: 'trainings of each trial, each with another seed; their mean counts' },
} as const satisfies TableFor<SearchPlanOptions>

/** The files of a training run. On the command line only. */
const run = {
  run: {
    kind: 'path',
    of: 'folder',
    optional: true,
    summary: 'where configuration, metrics and model go',
    whenAbsent: 'a new folder runs/<UTC time>',
  },
  output: { kind: 'path', of: 'file', optional: true, summary: 'also save the trained model to this safetensors file' },
} as const

/** The checkpoints of a training run, and how it goes on from one. On the command line only; `train` has `checkpoints` and `resume`. */
const checkpoints = {
  checkpointEvery: {
    kind: 'text',
    pattern: /^([1-9]\d{0,6}b?|none)$/,
    expected: 'a number of epochs (1) or batches (100b), or none',
    placeholder: 'interval',
    completions: ['1', 'none'],
    default: '1',
    summary: 'keep a checkpoint after so many epochs (1) or batches (100b); none: keep none',
  },
  keepCheckpoints: { kind: 'integer', min: 1, max: 1_000_000, default: 2, summary: 'newest checkpoints that stay, besides the best' },
  stopAfterEpochs: {
    kind: 'integer',
    min: 1,
    max: 1_000_000,
    optional: true,
    summary: 'end after this epoch of the run, and leave the rest for --resume',
    whenAbsent: 'after the last one',
  },
  resume: {
    kind: 'text',
    pattern: /./,
    expected: 'last, best or the path of a checkpoint',
    placeholder: 'last|best|file',
    completions: ['last', 'best'],
    preset: 'last',
    optional: true,
    summary: 'go on with the run of --run, or with the newest one, from a checkpoint, with its options',
  },
} as const

/** The images to use. On the command line only. */
const data = {
  data: {
    kind: 'path',
    of: 'folder',
    optional: true,
    summary: 'read the images from IDX files in this folder, named as those of MNIST',
    whenAbsent: 'the bundled MNIST',
  },
} as const

/** What a command prints. On the command line only. */
const reporting = {
  json: { kind: 'boolean', default: false, summary: 'print one JSON object a line to stdout, and nothing else' },
  quiet: { kind: 'boolean', default: false, summary: 'print only the result' },
} as const

/** The table. */
export const OPTIONS = {
  architecture,
  initialisation,
  placement,
  training,
  optimizer,
  schedule,
  validation,
  earlyStopping,
  augmentation,
  search,
  run,
  checkpoints,
  data,
  reporting,
} as const

/** All hyperparameters of a training: the groups that `train` takes. */
export const HYPERPARAMETERS = {
  ...training,
  ...optimizer,
  ...schedule,
  ...validation,
  ...earlyStopping,
  ...augmentation,
} as const satisfies TableFor<TrainHyperparameters>

/** All options of a model: the groups that `new ImageRNN()` takes. */
export const MODEL_OPTIONS = { ...architecture, ...initialisation, ...placement } as const satisfies TableFor<ModelOptions>

type Chosen<Table> = { readonly [Key in keyof Table as Table[Key] extends { readonly fromData: true } ? never : Key]: Table[Key] }

/** The options of a new network that its training data leaves open. */
export const NETWORK_CHOICES = withoutFromData({ ...architecture, ...initialisation })

function withoutFromData<Table extends object>(table: Table): Chosen<Table> {
  return Object.fromEntries(Object.entries(table).filter(([, spec]) => !('fromData' in spec))) as unknown as Chosen<Table>
}

/** The options that a search can vary. */
export const SEARCHABLE = withSearchRange({ ...NETWORK_CHOICES, ...HYPERPARAMETERS })

type Searchable<Table> = { readonly [Key in keyof Table as Table[Key] extends { readonly search: object } ? Key : never]: Table[Key] }

function withSearchRange<Table extends object>(table: Table): Searchable<Table> {
  return Object.fromEntries(Object.entries(table).filter(([, spec]) => 'search' in spec)) as unknown as Searchable<Table>
}

/** How to compute many images without training: in the API only, and not in the table, since training has a batch size of its own. */
export const INFERENCE_OPTIONS = {
  batchSize: { ...batchSizes, optional: true, summary: 'samples that are computed at once' },
} as const satisfies TableFor<BatchingOptions>

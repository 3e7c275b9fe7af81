/**
 * All options, in groups. The checks of the API, the flags of the command line, `--help`, shell completion, `config.json` and every list of
 * option names follow from this table: an option that is added here is added everywhere. Its types, with what each option means in full, are in
 * option-types.ts.
 */
import type {
  AugmentationOptions,
  BatchingOptions,
  DataFileOptions,
  EarlyStoppingOptions,
  LabellingOptions,
  OnnxOptions,
  OptimizerOptions,
  PlacementOptions,
  PlainModelOptions,
  ReadingOptions,
  ScheduleOptions,
  SearchPlanOptions,
  TrainHyperparameters,
  ValidationOptions,
} from './option-types'
import type { TableFor } from './specs'

export type * from './option-types'

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
} as const satisfies Partial<TableFor<PlainModelOptions>>

/** The values that the parameters of a new network start from. */
const initialisation = {
  recurrentInit: {
    kind: 'choice',
    choices: ['identity', 'uniform'],
    default: 'identity',
    summary: "start of the recurrent matrices: the tutorial's identity or PyTorch's uniform",
    search: { choices: ['identity', 'uniform'] },
  },
} as const satisfies Partial<TableFor<PlainModelOptions>>

/** What the classes are called. */
const labelling = {
  classNames: {
    kind: 'texts',
    pattern: /^[^\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]{1,100}$/u,
    expected: 'a list of names, each of 1 to 100 printable characters',
    placeholder: 'name',
    optional: true,
    summary: 'names of the classes, by label',
    fromData: true,
  },
} as const satisfies TableFor<LabellingOptions>

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
  report: { kind: 'boolean', default: true, summary: 'write report.html, a page of pictures, into the folder of the run at its end' },
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

/** The images to use. */
const data = {
  data: {
    kind: 'path',
    of: 'path',
    optional: true,
    summary: 'the images: a folder (IDX files as of MNIST and its family, or pictures by class), a CSV or an .npz file',
    whenAbsent: 'the bundled MNIST',
  },
  trainImages: { kind: 'path', of: 'file', optional: true, summary: 'instead of --data: images to train with (IDX, .npy, .npz or CSV)' },
  trainLabels: { kind: 'path', of: 'file', optional: true, summary: 'their labels, unless they are in the same file' },
  testImages: { kind: 'path', of: 'file', optional: true, summary: 'images to evaluate with', whenAbsent: 'a part of the others' },
  testLabels: { kind: 'path', of: 'file', optional: true, summary: 'their labels' },
} as const satisfies TableFor<DataFileOptions & { data?: string }>

/** How the images are read. */
const reading = {
  format: {
    kind: 'choice',
    choices: ['auto', 'idx', 'npz', 'csv', 'pictures'],
    default: 'auto',
    summary: 'what the data are; auto: by their content',
  },
  subset: {
    kind: 'text',
    pattern: /^.{1,200}$/su,
    expected: 'a part of the name of a file or folder',
    placeholder: 'name',
    optional: true,
    summary: 'of several data sets in a folder, the one with this word in its name, such as letters of EMNIST',
  },
  orientation: {
    kind: 'choice',
    choices: ['auto', 'upright', 'transposed'],
    default: 'auto',
    summary: 'whether rows and columns of each image are swapped in the files, as in EMNIST',
  },
  firstLabel: {
    kind: 'integer',
    min: 0,
    max: 255,
    optional: true,
    summary: 'label of the first class',
    whenAbsent: '1 where the labels begin with it and leave none out, else 0',
  },
  labelNames: {
    kind: 'text',
    pattern: /^.{1,30000}$/su,
    expected: 'names with commas between them, or the path of a file with a name a line',
    placeholder: 'names',
    optional: true,
    summary: 'names of the classes with commas between them, or a file with one a line',
    whenAbsent: 'those of the data, where they are known',
  },
  labelColumn: {
    kind: 'text',
    pattern: /^.{1,200}$/su,
    expected: 'the name of a column, or its number from 1',
    placeholder: 'name',
    optional: true,
    summary: 'column of a CSV with the labels, by its name or number',
    whenAbsent: 'the one named label, class, target, digit or y, else the first',
  },
  imageSize: {
    kind: 'text',
    pattern: /^[1-9]\d{0,3}(x[1-9]\d{0,3})?$/,
    expected: 'a number of pixels (28), or rows and columns (32x24)',
    placeholder: 'size',
    completions: ['28'],
    optional: true,
    summary: 'rows and columns of an image: 28 or 32x24',
    whenAbsent: '28 for pictures, else as in the files',
  },
  fit: {
    kind: 'choice',
    choices: ['contain', 'cover', 'stretch'],
    default: 'contain',
    summary: 'how a picture of another shape is resized: with a border, cropped, or stretched',
  },
  ink: {
    kind: 'choice',
    choices: ['auto', 'dark', 'light'],
    default: 'auto',
    summary: 'what is drawn in pictures: dark on light, which is inverted, or light on dark',
  },
  testSplit: {
    kind: 'part',
    default: 0.1,
    summary: 'samples to set aside as the test set where the data have none',
  },
  splitSeed: {
    kind: 'integer',
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    default: 1,
    summary: 'which samples these are follows from it',
  },
  skipBroken: { kind: 'boolean', default: false, summary: 'leave out pictures that cannot be read' },
} as const satisfies TableFor<ReadingOptions>

/** What a command prints. On the command line only. */
const reporting = {
  json: { kind: 'boolean', default: false, summary: 'print one JSON object a line to stdout, and nothing else' },
  quiet: { kind: 'boolean', default: false, summary: 'print only the result' },
} as const

/** The table. */
export const OPTIONS = {
  architecture,
  initialisation,
  labelling,
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
  reading,
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
export const MODEL_OPTIONS = {
  ...architecture,
  ...initialisation,
  ...placement,
  ...labelling,
} as const satisfies TableFor<PlainModelOptions>

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

/** What a model in the format ONNX reads. */
export const ONNX_OPTIONS = {
  lengths: { kind: 'boolean', default: false, summary: 'let it also read lengths, int32 [N]: how many rows of each image are real' },
} as const satisfies TableFor<OnnxOptions>

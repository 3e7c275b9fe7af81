/**
 * All options, in groups. The checks of the API, the flags of the command line, `--help`, shell completion, `config.json` and every list of
 * option names follow from this table: an option that is added here is added everywhere. The groups of a training are in training-options.ts, those
 * of data sets in data-options.ts. The types, with what each option means in full, are in option-types.ts.
 */
import { data, reading } from './data-options'
import type {
  BatchingOptions,
  LabellingOptions,
  MistakeOptions,
  OnnxOptions,
  PlacementOptions,
  PlainModelOptions,
  SearchPlanOptions,
  TrainHyperparameters,
} from './option-types'
import type { TableFor } from './specs'
import { augmentation, batchSizes, earlyStopping, optimizer, schedule, training, validation } from './training-options'

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

/** What an evaluation takes besides; in the API only. */
export const MISTAKE_OPTIONS = {
  mistakes: { kind: 'integer', min: 0, max: 10_000, default: 0, summary: 'mistakes to tell, the surest first' },
} as const satisfies TableFor<MistakeOptions>

/** What a model in the format ONNX reads. */
export const ONNX_OPTIONS = {
  lengths: { kind: 'boolean', default: false, summary: 'let it also read lengths, int32 [N]: how many rows of each image are real' },
} as const satisfies TableFor<OnnxOptions>

/**
 * All options, in groups. The checks of the API, the flags of the command line, `--help`, shell completion, `config.json` and every list of
 * option names follow from this table: an option that is added here is added everywhere.
 */
import type { TableFor } from './specs'

/** Where and how a model computes. None of these options changes which parameters it has. */
export interface PlacementOptions {
  /** Every random choice of the model follows from this. Default 1. */
  seed?: number | undefined
  /** Where to compute: `'auto'` (CUDA where there is some, else the CPU), `'cpu'`, `'cuda'` or `'cuda:N'`. Default `'auto'`. */
  device?: string | undefined
  /** What trains: `'torch'` is nn::RNN with autograd, on any device; `'auto'` takes the fastest there is. Default `'auto'`. */
  engine?: 'auto' | 'torch' | undefined
  /**
   * Threads of one operation on the CPU; more of them than cores make it slower. 0 takes as many as libtorch finds cores, but no more than
   * the process may use: its CPU affinity and the quota of its container count. Default 0.
   */
  threads?: number | undefined
  /**
   * How a GPU multiplies the matrices of the recurrent layers: `'float32'`, or `'tf32'`, which rounds the operands to 10 bits of mantissa and
   * is faster on NVIDIA's Ampere and newer. The CPU computes in float32 with either. Default `'float32'`.
   */
  precision?: 'float32' | 'tf32' | undefined
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

/** How to train. Everything is optional; the defaults are the tutorial's. */
export interface TrainHyperparameters {
  /** Passes over the training set. Default 10. */
  epochs?: number | undefined
  /** Samples per update (N). Default 128. */
  batchSize?: number | undefined
  /** Step size of Adam. Default 0.001. */
  learningRate?: number | undefined
  /** Whether every epoch visits the samples in a new random order. Default true. */
  shuffle?: boolean | undefined
  /** Batches between two progress events; the last batch of an epoch always reports. Default 10. */
  logInterval?: number | undefined
}

/** How to compute many images. */
export interface BatchingOptions {
  /** Samples that are computed at once, 1 to 65536. Default 1000; but where there are hooks, forward and predict compute all at once. */
  batchSize?: number | undefined
}

/** What decides which parameters a network has and what it computes with them. A model file holds these. */
const architecture = {
  inputSize: { kind: 'integer', min: 1, max: 65536, default: 28, summary: 'features per time step: pixels of a row', fromData: true },
  hiddenSize: { kind: 'integer', min: 1, max: 16384, default: 150, summary: 'neurons in each recurrent layer' },
  numLayers: { kind: 'integer', min: 1, max: 64, default: 3, summary: 'recurrent layers on top of each other' },
  numClasses: { kind: 'integer', min: 1, max: 256, default: 10, summary: 'classes to tell apart', fromData: true },
  nonlinearity: { kind: 'choice', choices: ['tanh', 'relu'], default: 'tanh', summary: 'activation of the recurrent layers' },
} as const satisfies Partial<TableFor<ModelOptions>>

/** The values that the parameters of a new network start from. */
const initialisation = {
  recurrentInit: {
    kind: 'choice',
    choices: ['identity', 'uniform'],
    default: 'identity',
    summary: "start of the recurrent matrices: the tutorial's identity or PyTorch's uniform",
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
  engine: { kind: 'choice', choices: ['auto', 'torch'], default: 'auto', summary: 'what trains: torch is libtorch on any device' },
  threads: {
    kind: 'integer',
    min: 0,
    max: 1024,
    default: 0,
    summary: 'CPU threads of one operation; 0: one for each core that may be used',
  },
  precision: {
    kind: 'choice',
    choices: ['float32', 'tf32'],
    default: 'float32',
    summary: 'of matrix products on a GPU: tf32 is faster and less exact; the CPU always takes float32',
  },
} as const satisfies TableFor<PlacementOptions>

const batchSizes = { kind: 'integer', min: 1, max: 65536 } as const

/** How to train. */
const training = {
  epochs: { kind: 'integer', min: 1, max: 1_000_000, default: 10, summary: 'passes over the training set' },
  batchSize: { ...batchSizes, default: 128, summary: 'samples per update' },
  learningRate: { kind: 'number', min: 0, max: 100, default: 1e-3, summary: 'step size of Adam' },
  shuffle: { kind: 'boolean', default: true, summary: 'visit the samples in a new random order every epoch' },
  logInterval: { kind: 'integer', min: 1, max: 1_000_000, default: 10, summary: 'batches between two progress events' },
} as const satisfies TableFor<TrainHyperparameters>

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
export const OPTIONS = { architecture, initialisation, placement, training, run, data, reporting } as const

/** All options of a model: the groups that `new ImageRNN()` takes. */
export const MODEL_OPTIONS = { ...architecture, ...initialisation, ...placement } as const satisfies TableFor<ModelOptions>

type Chosen<Table> = { readonly [Key in keyof Table as Table[Key] extends { readonly fromData: true } ? never : Key]: Table[Key] }

/** The options of a new network that its training data leaves open. */
export const NETWORK_CHOICES = withoutFromData({ ...architecture, ...initialisation })

function withoutFromData<Table extends object>(table: Table): Chosen<Table> {
  return Object.fromEntries(Object.entries(table).filter(([, spec]) => !('fromData' in spec))) as unknown as Chosen<Table>
}

/** How to compute many images without training: in the API only, and not in the table, since training has a batch size of its own. */
export const INFERENCE_OPTIONS = {
  batchSize: { ...batchSizes, optional: true, summary: 'samples that are computed at once' },
} as const satisfies TableFor<BatchingOptions>

import { describe, TorchRnnError, unexpected } from '../errors'

/** How one option is checked, shown and stored. One table of these feeds the API, the command line and `--help`. */
export type OptionSpec<T> = {
  /** What it means, in one line. */
  readonly summary: string
  readonly default: T
} & ([T] extends [number] ? NumberSpec : [T] extends [boolean] ? BooleanSpec : [T] extends [string] ? ChoiceSpec<T> | TextSpec : never)

interface NumberSpec {
  readonly kind: 'integer' | 'number'
  readonly min: number
  readonly max: number
}

interface BooleanSpec {
  readonly kind: 'boolean'
}

interface ChoiceSpec<T extends string> {
  readonly kind: 'choice'
  readonly choices: readonly T[]
}

interface TextSpec {
  readonly kind: 'text'
  readonly pattern: RegExp
  /** The pattern in words, for errors and help. */
  readonly expected: string
  /** What a shell completes: the values that need no number of the user's. */
  readonly completions?: readonly string[]
}

/** One {@link OptionSpec} for every key of an options interface. */
export type OptionTable<Options> = { readonly [Key in keyof Options]-?: OptionSpec<Exclude<Options[Key], undefined>> }

/** The spec of any option, when its type is not known. */
export type AnyOptionSpec = OptionSpec<number> | OptionSpec<boolean> | OptionSpec<string>

/** What a model is made of and where it computes. Everything is optional; the defaults are the tutorial's network. */
export interface ModelOptions {
  /** Features per time step: the pixels of a row (F). Default 28. */
  inputSize?: number
  /** Neurons in each recurrent layer (H). Default 150. */
  hiddenSize?: number
  /** Recurrent layers on top of each other (L). Default 3. */
  numLayers?: number
  /** Classes to tell apart (C). Default 10. */
  numClasses?: number
  /** Activation of the recurrent layers. Default `'tanh'`. */
  nonlinearity?: 'tanh' | 'relu'
  /** Start of the recurrent matrices: the identity (the tutorial's trick), or PyTorch's own uniform start. Default `'identity'`. */
  recurrentInit?: 'identity' | 'uniform'
  /** Where to compute: `'auto'` (CUDA where there is some, else the CPU), `'cpu'`, `'cuda'` or `'cuda:N'`. Default `'auto'`. */
  device?: string
  /** What trains: `'torch'` is nn::RNN with autograd, on any device; `'auto'` takes the fastest there is. Default `'auto'`. */
  engine?: 'auto' | 'torch'
  /** Every random choice of the model follows from this. Default 1. */
  seed?: number
  /** Threads of one operation on the CPU; 0 leaves it to libtorch. Default 0. */
  threads?: number
}

/** The options of a model that do not change what its parameters are. */
export type PlacementOptions = Pick<ModelOptions, 'device' | 'engine' | 'seed' | 'threads'>

/** How to train. Everything is optional; the defaults are the tutorial's. */
export interface TrainHyperparameters {
  /** Passes over the training set. Default 10. */
  epochs?: number
  /** Samples per update (N). Default 128. */
  batchSize?: number
  /** Step size of Adam. Default 0.001. */
  learningRate?: number
  /** Whether every epoch visits the samples in a new random order. Default true. */
  shuffle?: boolean
  /** Batches between two progress events; the last batch of an epoch always reports. Default 10. */
  logInterval?: number
}

export const MODEL_OPTIONS: OptionTable<ModelOptions> = {
  inputSize: { kind: 'integer', min: 1, max: 65536, default: 28, summary: 'features per time step: pixels of a row' },
  hiddenSize: { kind: 'integer', min: 1, max: 16384, default: 150, summary: 'neurons in each recurrent layer' },
  numLayers: { kind: 'integer', min: 1, max: 64, default: 3, summary: 'recurrent layers on top of each other' },
  numClasses: { kind: 'integer', min: 1, max: 256, default: 10, summary: 'classes to tell apart' },
  nonlinearity: { kind: 'choice', choices: ['tanh', 'relu'], default: 'tanh', summary: 'activation of the recurrent layers' },
  recurrentInit: {
    kind: 'choice',
    choices: ['identity', 'uniform'],
    default: 'identity',
    summary: "start of the recurrent matrices: the tutorial's identity or PyTorch's uniform",
  },
  device: {
    kind: 'text',
    pattern: /^(auto|cpu|cuda|cuda:\d{1,3})$/,
    expected: 'auto, cpu, cuda or cuda:N',
    completions: ['auto', 'cpu', 'cuda'],
    default: 'auto',
    summary: 'where to compute: auto, cpu, cuda or cuda:N',
  },
  engine: { kind: 'choice', choices: ['auto', 'torch'], default: 'auto', summary: 'what trains: torch is libtorch on any device' },
  seed: { kind: 'integer', min: 0, max: Number.MAX_SAFE_INTEGER, default: 1, summary: 'every random choice follows from it' },
  threads: { kind: 'integer', min: 0, max: 1024, default: 0, summary: 'CPU threads of one operation; 0: libtorch decides' },
}

export const TRAIN_OPTIONS: OptionTable<TrainHyperparameters> = {
  epochs: { kind: 'integer', min: 1, max: 1_000_000, default: 10, summary: 'passes over the training set' },
  batchSize: { kind: 'integer', min: 1, max: 65536, default: 128, summary: 'samples per update' },
  learningRate: { kind: 'number', min: 0, max: 100, default: 1e-3, summary: 'step size of Adam' },
  shuffle: { kind: 'boolean', default: true, summary: 'visit the samples in a new random order every epoch' },
  logInterval: { kind: 'integer', min: 1, max: 1_000_000, default: 10, summary: 'batches between two progress events' },
}

/**
 * Checks user-given options against their table and fills in the defaults.
 *
 * @param alsoAllowed - Keys that the caller handles itself, such as callbacks.
 * @throws TorchRnnError `ERR_INVALID_OPTION` for an unknown key or a wrong value.
 */
export function resolveOptions<Options extends object>(
  table: OptionTable<Options>,
  given: unknown,
  owner: string,
  alsoAllowed: readonly string[] = [],
): Required<Options> {
  if (given !== undefined && (typeof given !== 'object' || given === null || Array.isArray(given))) {
    throw unexpected('ERR_INVALID_OPTION', `the options of ${owner}`, 'an object', given)
  }
  const specs = table as Record<string, AnyOptionSpec>
  const values = (given ?? {}) as Record<string, unknown>
  for (const key of Object.keys(values)) {
    if (!Object.hasOwn(specs, key) && !alsoAllowed.includes(key)) throw unknownOption(key, owner, [...Object.keys(specs), ...alsoAllowed])
  }
  const resolved: Record<string, unknown> = {}
  for (const [key, spec] of Object.entries(specs)) {
    const value = values[key]
    resolved[key] = value === undefined ? spec.default : checkOption(key, spec, value)
  }
  return resolved as Required<Options>
}

/** Checks one value. @throws TorchRnnError `ERR_INVALID_OPTION`. */
export function checkOption(name: string, spec: AnyOptionSpec, value: unknown): number | boolean | string {
  if (isAllowed(spec, value)) return value
  throw unexpected('ERR_INVALID_OPTION', name, describeAllowed(spec), value)
}

/** What a spec allows, in words: "an integer from 1 to 64". */
export function describeAllowed(spec: AnyOptionSpec): string {
  switch (spec.kind) {
    case 'integer':
      return `an integer from ${spec.min} to ${spec.max}`
    case 'number':
      return `a number from ${spec.min} to ${spec.max}`
    case 'boolean':
      return 'true or false'
    case 'choice':
      return `one of ${spec.choices.join(', ')}`
    case 'text':
      return spec.expected
  }
}

function isAllowed(spec: AnyOptionSpec, value: unknown): value is number | boolean | string {
  switch (spec.kind) {
    case 'integer':
      return Number.isInteger(value) && (value as number) >= spec.min && (value as number) <= spec.max
    case 'number':
      return typeof value === 'number' && value >= spec.min && value <= spec.max
    case 'boolean':
      return typeof value === 'boolean'
    case 'choice':
      return (spec.choices as readonly unknown[]).includes(value)
    case 'text':
      return typeof value === 'string' && spec.pattern.test(value)
  }
}

function unknownOption(key: string, owner: string, known: readonly string[]): TorchRnnError {
  const expected = `one of ${known.join(', ')}`
  return new TorchRnnError('ERR_INVALID_OPTION', `Unknown option ${describe(key)} for ${owner}. Expected ${expected}.`, {
    expected,
    actual: key,
  })
}

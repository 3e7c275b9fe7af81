/** What is known of a run, read from the files in its folder. */
import { stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { isInUse, LOCK_FILE } from '../checkpoints/run-lock'
import { TorchRnnError } from '../errors'
import { isFile } from '../files/folders'
import { ifPresent, invalidFile, readFileChecked } from '../files/regular-file'
import { parseJsonObject } from '../formats/strict-json'
import { type Architecture, resolveArchitecture } from '../model/architecture'
import { type Evaluation, evaluationOf } from '../model/evaluation'
import { checkOption, pickOptions } from '../options/checks'
import { OPTIONS } from '../options/options'
import type { AnyOptionSpec, OptionTable, OptionValue, Resolved } from '../options/specs'
import { type EpochRecord, readMetrics, readTiming } from './log-records'
import { CONFIG_FILE, LOG_FILES, MODEL_FILE } from './run-files'

/** A normalization of 65,536 features takes some 5 MB. */
const MAX_CONFIG_BYTES = 8 * 1024 ** 2

const { run: _files, data: _data, reporting: _reporting, search: _search, ...groups } = OPTIONS

/** The files that the images come from where they are not in one place. */
const { data: _path, ...files } = OPTIONS.data
export const DATA_FILES = files

/** Every option that a configuration may hold. One of a newer version is not known, and left out. */
export const KNOWN_OPTIONS: OptionTable = Object.assign({}, ...Object.values(groups))

/**
 * `'running'`; `'done'` once the test set was measured; `'stopped'` by the user; `'failed'` by an error, or because the process was killed.
 */
export type RunState = 'running' | 'done' | 'stopped' | 'failed'

/** A run. */
export interface RunRecord {
  /** The name of its folder. */
  readonly name: string
  readonly path: string
  /** When it began, in UTC as ISO 8601. */
  readonly created: string
  readonly state: RunState
  /** The code of the error that the run failed with, where it could say that. */
  readonly failure?: string
  readonly network: Architecture
  /** The options as resolved. */
  readonly options: Readonly<Record<string, unknown>>
  /** The folder with the images as the user named it; undefined for the bundled MNIST. */
  readonly data: string | undefined
  /** The single files with the images; undefined where they are in `data`. */
  readonly dataFiles: Resolved<typeof DATA_FILES> | undefined
  /** The model that the training began from, as the user named it; undefined for a fresh network. */
  readonly model: string | undefined
  /** Samples of the training set; undefined where the run does not tell. */
  readonly trainSamples: number | undefined
  readonly testSamples: number | undefined
  readonly device: string
  readonly engine: string
  /** What the engine used on the processor: "avx512"; undefined where the run does not tell. */
  readonly instructionSet: string | undefined
  readonly threads: number | undefined
  /** Versions of this package, libtorch and the runtime, by their names. */
  readonly versions: Readonly<Record<string, string>>
  readonly epochs: readonly EpochRecord[]
  /** On the test set; undefined unless the run is done. */
  readonly evaluation: Evaluation | undefined
  /** What training and measuring took. */
  readonly seconds: number
  readonly hasModel: boolean
}

/** What a configuration calls the data when the user named none. */
export const BUNDLED_DATA = 'bundled MNIST'

/**
 * Reads a run.
 *
 * @throws TorchRnnError `ERR_INVALID_FILE` when a file is damaged, or the folder is no run; `ERR_FILE_SYSTEM`.
 */
export async function readRun(path: string): Promise<RunRecord> {
  const config = await readRunConfig(path)
  const { epochs, evaluation } = (await ifPresent(readMetrics(join(path, LOG_FILES.metrics)))) ?? { epochs: [], evaluation: undefined }
  const { seconds, end } = (await ifPresent(readTiming(join(path, LOG_FILES.timing)))) ?? { seconds: 0, end: undefined }
  const unfinished = async () => ((await isInUse(path)) ? 'running' : (end?.state ?? 'stopped'))
  const state = evaluation === undefined ? await unfinished() : 'done'
  return {
    ...config,
    name: basename(resolve(path)),
    path,
    // A process that was killed could not say why it ended.
    state: state === 'stopped' && end === undefined && (await isFile(join(path, LOCK_FILE))) ? 'failed' : state,
    ...(state === 'failed' && end !== undefined ? { failure: end.code } : {}),
    epochs,
    evaluation: evaluation && evaluationOf(evaluation, config.options['classNames'] as readonly string[] | undefined),
    seconds,
    hasModel: await isFile(join(path, MODEL_FILE)),
  }
}

/** What the configuration of a run says. */
export type RunConfig = Omit<RunRecord, 'name' | 'path' | 'state' | 'failure' | 'epochs' | 'evaluation' | 'seconds' | 'hasModel'>

/** Reads the configuration of a run alone. @throws TorchRnnError `ERR_INVALID_FILE`, `ERR_FILE_SYSTEM`. */
export async function readRunConfig(path: string): Promise<RunConfig> {
  const file = join(path, CONFIG_FILE)
  const config = parseJsonObject(await readFileChecked(file, MAX_CONFIG_BYTES), file, 'configuration')
  const options = checkOptions(objectOf(config, 'options', file), file)
  const { data, dataFiles, model } = config
  return {
    created: await readCreated(config, file),
    network: readNetwork(config, options, file),
    options,
    data: data === undefined || data === BUNDLED_DATA ? undefined : textOf(config, 'data', file),
    dataFiles: dataFiles === undefined ? undefined : readDataFiles(objectOf(config, 'dataFiles', file), file),
    model: model === undefined ? undefined : textOf(config, 'model', file),
    trainSamples: countOf(config, 'trainSamples'),
    testSamples: countOf(config, 'testSamples'),
    device: checkStored('device', OPTIONS.placement.device, config['device'], file),
    engine: checkStored('engine', OPTIONS.placement.engine, config['engine'], file),
    instructionSet: wordOf(config, 'instructionSet'),
    threads: countOf(config, 'threads'),
    versions: readVersions(objectOf(config, 'versions', file), file),
  }
}

function readNetwork(config: Readonly<Record<string, unknown>>, options: Readonly<Record<string, unknown>>, file: string): Architecture {
  const { normalization } = objectOf(config, 'options', file)
  const described = pickOptions(OPTIONS.architecture, options as Resolved<typeof OPTIONS.architecture>)
  try {
    return resolveArchitecture({ ...described, normalization }, 'the network')
  } catch (error) {
    if (!(error instanceof TorchRnnError)) throw error
    throw invalidFile(file, `${error.expected} as normalization`, String(error.actual))
  }
}

function readDataFiles(values: Readonly<Record<string, unknown>>, file: string): Resolved<typeof DATA_FILES> {
  const given = Object.entries(DATA_FILES).filter(([name]) => values[name] !== undefined)
  return Object.fromEntries(given.map(([name, spec]) => [name, checkStored(name, spec, values[name], file)]))
}

function checkOptions(values: Readonly<Record<string, unknown>>, file: string): Record<string, unknown> {
  const options: Record<string, unknown> = {}
  for (const [name, spec] of Object.entries(KNOWN_OPTIONS)) {
    if (values[name] !== undefined) options[name] = checkStored(name, spec, values[name], file)
  }
  const missing = Object.keys(OPTIONS.architecture).find((name) => options[name] === undefined)
  if (missing === undefined) return options
  throw invalidFile(file, `the option ${missing}`, 'none', 'It is no configuration of a run.')
}

function checkStored<Spec extends AnyOptionSpec>(name: string, spec: Spec, value: unknown, file: string): OptionValue<Spec> {
  try {
    return checkOption(name, spec, value)
  } catch (error) {
    if (!(error instanceof TorchRnnError)) throw error
    throw invalidFile(file, `${error.expected} as ${name}`, String(error.actual))
  }
}

/** When the run began; for a configuration that does not say it, when that was written. */
async function readCreated({ created }: Readonly<Record<string, unknown>>, file: string): Promise<string> {
  const isTime = typeof created === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$/.test(created)
  return isTime && !Number.isNaN(Date.parse(created)) ? created : (await stat(file)).mtime.toISOString()
}

function readVersions(values: Readonly<Record<string, unknown>>, file: string): Record<string, string> {
  const isVersion = (entry: [string, unknown]): entry is [string, string] => entry.every((part) => /^[\w.+-]{1,40}$/.test(String(part)))
  const entries = Object.entries(values).filter(isVersion)
  if (entries.length > 10) throw invalidFile(file, 'at most 10 versions', `${entries.length}`)
  return Object.fromEntries(entries)
}

function objectOf(config: Readonly<Record<string, unknown>>, name: string, file: string): Readonly<Record<string, unknown>> {
  const value = config[name]
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw invalidFile(file, `an object as ${name}`, value === undefined ? 'none' : 'another value', 'It is no configuration of a run.')
}

function textOf(config: Readonly<Record<string, unknown>>, name: string, file: string): string {
  const value = config[name]
  if (typeof value === 'string') return value
  throw invalidFile(file, `a text as ${name}`, value === undefined ? 'none' : 'another value', 'It is no configuration of a run.')
}

/** Undefined for anything but a word of a few letters and digits, as a count that is none. */
function wordOf(config: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = config[name]
  return typeof value === 'string' && /^\w{1,20}$/.test(value) ? value : undefined
}

function countOf(config: Readonly<Record<string, unknown>>, name: string): number | undefined {
  const value = config[name]
  return Number.isSafeInteger(value) ? (value as number) : undefined
}

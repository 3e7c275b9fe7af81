/** What `doctor` checks, one after the other. */
import { stat } from 'node:fs/promises'
import { availableParallelism, release, tmpdir } from 'node:os'
import { dirname, resolve } from 'node:path'
import { ADDON_PACKAGE, type AddonPlace, searchAddon } from '../addon/find-addon'
import { LIBTORCH_PACKAGE, searchLibtorch } from '../addon/find-libtorch'
import { explainMissingAddon } from '../addon/missing-addon'
import type { TriedPlace } from '../addon/packages'
import { isAtLeast, PLATFORM } from '../addon/platform'
import { runWaiting } from '../addon/run-program'
import {
  describeCudaFailure,
  describeFailure,
  type LoadedFacts,
  rememberTrial,
  runTrial,
  type Trial,
  type TrialFailure,
} from '../addon/trial'
import { TrialCache } from '../addon/trial-cache'
import { type LoadImagesOptions, loadImages } from '../data/load-images'
import { tryToWrite } from '../files/durable-file'
import { findCLibrary } from '../host/c-library'
import { describeRefusal, processAdvice } from '../host/permissions'
import { RUNTIME } from '../host/runtime'
import { RUNS_FOLDER } from '../runs/run-folder'
import { NODE_FLOOR, PACKAGE_VERSION } from '../version'
import { type Check, failed, ok, warning } from './check'
import { checkIntegrity } from './integrity'

const INSTALL = 'Remove node_modules and install again.'

/**
 * Yields each check as soon as it is done.
 *
 * @param data - What to check in place of the bundled MNIST, and how to read it.
 * @param stop - Ends the check that runs another program, and throws its reason then.
 */
export async function* runChecks(packageRoot: string, data: LoadImagesOptions, stop: AbortSignal): AsyncGenerator<Check> {
  yield checkVersions()
  const addons = searchAddon(packageRoot)
  const addon = addons.at(-1)
  yield checkAddon(addons, packageRoot)
  if (addon?.folder === undefined) {
    yield await checkIntegrity([{ name: 'torch-rnn-mnist', folder: packageRoot }])
  } else {
    const places = await runWaiting(searchLibtorch(packageRoot, addon.folder), stop)
    const place = places.at(-1)
    const libraries = place?.libraries
    yield checkPlaces('libtorch', places, libraries !== undefined, () => 'Set LIBTORCH to a folder with libtorch, or install again.')
    yield await checkIntegrity(installedPackages(packageRoot, addon.folder, libraries))
    if (libraries !== undefined) yield* checkComputing({ libraries, addonFolder: addon.folder, isNamed: place?.isNamed === true, stop })
  }
  yield await checkData(data)
  yield await checkWriting(`the folder for runs, ${resolve(RUNS_FOLDER)}`, (await isPresent(RUNS_FOLDER)) ? RUNS_FOLDER : '.')
  yield await checkWriting(`the temporary folder, ${tmpdir()}`, tmpdir())
}

function checkVersions(): Check {
  const { family, version } = findCLibrary()
  const library = family === undefined ? `system ${release()}` : `${family} ${version ?? 'of an unknown version'}`
  const message = `torch-rnn-mnist ${PACKAGE_VERSION}, ${RUNTIME.name} ${RUNTIME.version}, ${PLATFORM}, ${library}`
  if (isAtLeast(process.versions.node, NODE_FLOOR)) return ok('versions', message)
  const wanted = RUNTIME.name === 'Node' ? `Node ${NODE_FLOOR} or newer` : `a newer ${RUNTIME.name}, which works like Node ${NODE_FLOOR}`
  return failed('versions', message, `Install ${wanted}.`)
}

function checkAddon(places: readonly AddonPlace[], packageRoot: string): Check {
  const { folder, glibc, advice } = places.at(-1) ?? {}
  const check = checkPlaces('addon', places, folder !== undefined, () => advice ?? explainMissingAddon(packageRoot))
  return glibc === undefined ? check : { ...check, message: `${check.message} (needs glibc ${glibc} or newer)` }
}

function checkPlaces(name: string, places: readonly TriedPlace[], isFound: boolean, remedy: () => string): Check {
  if (isFound) return ok(name, places.at(-1)?.description ?? '')
  return failed(name, places.map(({ description, problem }) => `${description}: ${problem}`).join('; '), remedy())
}

function installedPackages(packageRoot: string, addon: string, libraries: string | undefined) {
  const found = [
    { name: 'torch-rnn-mnist', folder: packageRoot },
    { name: ADDON_PACKAGE, folder: addon },
  ]
  return libraries === undefined ? found : [...found, { name: LIBTORCH_PACKAGE, folder: dirname(libraries) }]
}

interface ComputingCheck {
  readonly libraries: string
  readonly addonFolder: string
  /** Whether the user named this libtorch, so that the results of its trials are remembered. */
  readonly isNamed: boolean
  readonly stop: AbortSignal
}

/** Loads libtorch and trains in another process, so that a crash there is reported here. */
async function* checkComputing({ libraries, addonFolder, isNamed, stop }: ComputingCheck): AsyncGenerator<Check> {
  const cache = new TrialCache(libraries, addonFolder)
  const trial = await runWaiting(runTrial({ libraries, trains: true }), stop)
  if (isNamed) rememberTrial(cache, trial) // The driver may have been repaired since an earlier trial.
  if (trial === undefined) yield warning('self-test', 'this process may not start another one, so nothing was tried', processAdvice())
  else if (trial.failure !== undefined) yield describeFailed(trial.failure)
  else yield* describeWorking(trial)
}

function describeFailed(failure: TrialFailure): Check {
  const message = failure.loadError ?? describeFailure(failure, 'a process that trained')
  return failed(
    'self-test',
    message,
    failure.advice ?? 'NODE_DEBUG=torch-rnn-mnist tells each step. If nothing else here failed, report it.',
  )
}

function* describeWorking({ facts, cudaFailure }: Exclude<Trial, { failure: TrialFailure }>): Generator<Check> {
  yield describeCpu(facts)
  yield cudaFailure === undefined ? describeDevices(facts) : describeWithoutCuda(cudaFailure)
  yield judgeTraining(facts)
}

function describeCpu({ torchVersion, cpuCapability, blas, threads, instructionSet }: LoadedFacts): Check {
  const cores = availableParallelism()
  const fused = instructionSet === undefined ? '' : `engine fused with ${instructionSet}, `
  const message = `${fused}libtorch ${torchVersion}, ${cpuCapability}, BLAS ${blas}, ${threads} of ${cores} threads`
  const isSlow = process.arch === 'x64' && !cpuCapability.startsWith('AVX')
  return isSlow ? warning('CPU', message, 'This processor has no AVX2: training works, but slowly.') : ok('CPU', message)
}

function describeDevices({ cudaDevices, cudaProblem }: LoadedFacts): Check {
  const names = ['cpu', ...Array.from({ length: cudaDevices }, (_, index) => `cuda:${index}`)]
  return ok('devices', `${names.join(', ')}${cudaProblem === '' ? '' : ` (no CUDA: ${cudaProblem})`}`)
}

function describeWithoutCuda(failure: TrialFailure): Check {
  return warning('devices', `cpu (no CUDA: ${describeCudaFailure(failure)})`, failure.advice ?? 'Reinstall the NVIDIA driver.')
}

function judgeTraining({ training }: LoadedFacts): Check {
  const { firstLoss, lastLoss, samplesPerSecond } = training ?? { firstLoss: Number.NaN, lastLoss: Number.NaN, samplesPerSecond: 0 }
  const message = `one second of training: ${Math.round(samplesPerSecond)} samples/s, loss ${firstLoss.toFixed(3)} to ${lastLoss.toFixed(3)}`
  return lastLoss < firstLoss ? ok('self-test', message) : failed('self-test', `${message}: it does not learn`, INSTALL)
}

async function checkData(options: LoadImagesOptions): Promise<Check> {
  const dir = options.data ?? options.trainImages
  try {
    const { train, test } = await loadImages(options)
    const size = `${train.rows} x ${train.columns} pixels, ${train.numClasses} classes`
    return ok('data', `${dir ?? 'bundled MNIST'}: ${train.length} training and ${test.length} test images of ${size}`)
  } catch (error) {
    const remedy = dir === undefined ? INSTALL : 'Give another folder, or leave out --data.'
    return failed('data', (error as Error).message, adviceOf(error) ?? remedy)
  }
}

async function checkWriting(what: string, folder: string): Promise<Check> {
  try {
    await tryToWrite(folder)
    return ok('write access', what)
  } catch (error) {
    const remedy = 'Change to another folder, or change its owner.'
    return failed('write access', `${what}: ${(error as Error).message}`, adviceOf(error) ?? remedy)
  }
}

/** What helps where Node's permission model, or Deno, refused something: a flag, and not another folder or a new installation. */
function adviceOf(error: unknown): string | undefined {
  for (let cause = error; cause !== undefined; cause = (cause as { cause?: unknown }).cause) {
    const refusal = describeRefusal(cause)
    if (refusal !== undefined) return refusal.advice
  }
  return undefined
}

async function isPresent(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

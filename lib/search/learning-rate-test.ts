/** The learning-rate range test: trains a copy of a model for a while, with a rate that grows from batch to batch. */

import { checkSignal, unlessAborted } from '../abort'
import type { NativeProgress } from '../addon/binding'
import { type Caller, callerOf } from '../addon/native-errors'
import type { ImageDataset } from '../data/dataset'
import { describe, TorchRnnError, unexpected } from '../errors'
import { ImageRNN } from '../model/image-rnn'
import { ModelSession } from '../model/session'
import { resolveOptions } from '../options/checks'
import { asItIs } from '../options/flag-words'
import { LEARNING_RATE_TEST_OPTIONS, type LearningRateTestHyperparameters } from '../options/learning-rate-test'
import { HYPERPARAMETERS } from '../options/options'
import type { Resolved } from '../options/specs'
import type { Hyperparameters } from '../training/checkpoint'
import { NativeTraining } from '../training/native-training'
import { prepareData, type TrainingData } from '../training/training-data'
import { LearningRateCurve, type LearningRatePoint, type LearningRateSuggestions, suggestLearningRates } from './learning-rate-curve'

/** Progress of a learning-rate range test: a step is done. */
export interface LearningRateStep extends LearningRatePoint {
  /** The step, from 1. */
  readonly step: number
  /** Steps that were asked for. */
  readonly steps: number
}

/** How to test learning rates, when to stop, and what to call meanwhile. */
export interface LearningRateTestOptions extends LearningRateTestHyperparameters {
  /** Stops the test: the running batch is finished, and the call rejects with the signal's reason (an `AbortError` by default). */
  signal?: AbortSignal | undefined
  /**
   * Called after every step. The test goes on meanwhile, but waits when the call before it is not done yet. May use the model. What it
   * throws, or rejects with, ends the test.
   */
  onStep?: ((step: LearningRateStep) => void | Promise<void>) | undefined
}

/** What a learning-rate range test measured, and the rates that it suggests. */
export interface LearningRateTest extends Partial<LearningRateSuggestions> {
  /** The steps that were measured, in order. All numbers are finite. */
  readonly curve: readonly LearningRatePoint[]
  /**
   * The rate to train with: `valley`, as in fastai. For a schedule it is the highest rate. Absent, like `valley` and `steepest`, where the
   * test ended too early: the first tenth of all steps and the last five do not count.
   */
  readonly suggestion?: number
  /**
   * `'completed'`: all steps. `'diverged'`: before the last one, because the smoothed loss exceeded four times its lowest value, or because
   * the loss, a gradient or a parameter was not finite any more.
   */
  readonly ended: 'completed' | 'diverged'
}

/** The hyperparameters of a test, as checked. */
type TestHyperparameters = Resolved<typeof LEARNING_RATE_TEST_OPTIONS>

/** As the function of this name in lib/functions.ts. */
export async function findLearningRate(
  model: ImageRNN,
  dataset: ImageDataset,
  options: LearningRateTestOptions = {},
): Promise<LearningRateTest> {
  const caller = callerOf(findLearningRate)
  const hyperparameters = resolveTestOptions(options)
  if (!(model instanceof ImageRNN)) throw unexpected('ERR_INVALID_ARGUMENT', 'model', 'an ImageRNN', model)
  const { signal, onStep } = options ?? {}
  const data = prepareData(dataset, undefined, toTraining(hyperparameters), model.options.seed)
  signal?.throwIfAborted()
  const state = await unlessAborted(model.stateDict(), signal)
  const session = new ModelSession({}, { ...model.options, device: model.device })
  try {
    await session.run(() => session.native.loadStateDict(Object.fromEntries(state)), caller, signal)
    const test = new RangeTest({ session, hyperparameters, data, signal, onStep: onStep && session.callbacks.bind(onStep), caller })
    const ended = await test.run()
    return { curve: test.points, ...suggest(test.points, hyperparameters.steps), ended }
  } finally {
    await session.dispose()
  }
}

/** @throws TorchRnnError `ERR_INVALID_OPTION` */
function resolveTestOptions(options: LearningRateTestOptions): TestHyperparameters {
  const hyperparameters = resolveOptions(LEARNING_RATE_TEST_OPTIONS, options, 'findLearningRate', ['signal', 'onStep'])
  const { signal, onStep } = options ?? {}
  checkSignal(signal)
  if (onStep !== undefined && typeof onStep !== 'function') throw unexpected('ERR_INVALID_OPTION', 'onStep', 'a function', onStep)
  checkLearningRates(hyperparameters)
  return hyperparameters
}

/**
 * Refuses a range that does not rise.
 *
 * @param show - The name of an option as the user knows it.
 * @throws TorchRnnError `ERR_INVALID_OPTION`
 */
export function checkLearningRates(
  { startLearningRate: start, endLearningRate: end }: Pick<TestHyperparameters, 'startLearningRate' | 'endLearningRate'>,
  show = asItIs,
): void {
  if (start < end) return
  const [expected, actual] = [`an ${show('endLearningRate')} above the ${show('startLearningRate')}, ${start},`, describe(end)]
  throw new TorchRnnError('ERR_INVALID_OPTION', `Expected ${expected} but received ${actual}.`, { expected, actual })
}

/** Those of a training that computes the same. */
function toTraining(hyperparameters: TestHyperparameters): Hyperparameters {
  return { ...resolveOptions(HYPERPARAMETERS, {}, 'findLearningRate'), ...hyperparameters, logInterval: 1 }
}

/** All that a curve suggests. */
export function suggest(points: readonly LearningRatePoint[], steps: number): Pick<LearningRateTest, 'suggestion' | 'valley' | 'steepest'> {
  const suggestions = suggestLearningRates(points, steps)
  return suggestions === undefined ? {} : { suggestion: suggestions.valley, ...suggestions }
}

/** What a test works with. */
interface TestSetting {
  /** That of the copy. */
  readonly session: ModelSession
  readonly hyperparameters: TestHyperparameters
  readonly data: TrainingData
  readonly signal: AbortSignal | undefined
  readonly onStep: ((step: LearningRateStep) => unknown) | undefined
  readonly caller: Caller
}

/** A running test. */
class RangeTest {
  readonly #setting: TestSetting
  readonly #native: NativeTraining
  readonly #curve = new LearningRateCurve()
  /** Ends the test once the loss has grown too much. */
  readonly #divergence = new AbortController()

  constructor(setting: TestSetting) {
    const { session, hyperparameters, data, signal, caller } = setting
    this.#setting = setting
    const stops = signal === undefined ? [this.#divergence.signal] : [signal, this.#divergence.signal]
    this.#native = new NativeTraining({
      session,
      data,
      hyperparameters: toTraining(hyperparameters),
      options: { signal: AbortSignal.any(stops), optimizerState: 'fresh' },
      onBatch: undefined,
      keeper: undefined,
      start: undefined,
      caller,
    })
  }

  get points(): readonly LearningRatePoint[] {
    return this.#curve.points
  }

  async run(): Promise<LearningRateTest['ended']> {
    await this.#native.start()
    try {
      await this.#train()
      return 'completed'
    } catch (error) {
      if (this.#isEnd(error)) return 'diverged'
      throw error
    }
  }

  /** Whether an error is an end to be expected, of which the curve tells more. */
  #isEnd(error: unknown): boolean {
    if (error === this.#divergence.signal.reason && this.#divergence.signal.aborted) return true
    return error instanceof TorchRnnError && error.code === 'ERR_NOT_FINITE' && this.points.length > 0
  }

  /** Passes through the data until all steps are done. */
  async #train(): Promise<void> {
    const { hyperparameters, data } = this.#setting
    const { steps, batchSize, accumulationSteps } = hyperparameters
    const batchesPerPass = Math.ceil(data.trainSamples / batchSize)
    const stepsPerPass = Math.max(1, Math.floor(data.trainSamples / (batchSize * accumulationSteps)))
    for (let [pass, done] = [0, 0]; done < steps; pass += 1) {
      const first = done
      done = Math.min(first + stepsPerPass, steps)
      const batches = Math.min((done - first) * accumulationSteps, batchesPerPass)
      const rateOf = (batch: number) => this.#learningRateOf(first + Math.floor(batch / accumulationSteps))
      const learningRates = Float64Array.from({ length: batches }, (_, batch) => rateOf(batch))
      await this.#native.train({ epoch: pass, first: 0, learningRates }, this.#reporter(learningRates))
    }
  }

  /** @param step - From 0. */
  #learningRateOf(step: number): number {
    const { startLearningRate: start, endLearningRate: end, steps } = this.#setting.hyperparameters
    return start * (end / start) ** (step / (steps - 1))
  }

  /** Makes points of what the batches of a pass report. */
  #reporter(learningRates: Float64Array): (progress: NativeProgress) => Promise<void> {
    const { accumulationSteps, steps } = this.#setting.hyperparameters
    let [samplesBefore, samples, loss] = [0, 0, 0]
    return async (progress) => {
      if (this.#divergence.signal.aborted) return // One more batch may have been computed.
      const count = progress.samples - samplesBefore
      samplesBefore = progress.samples
      samples += count
      loss += (progress.batchLoss - loss) * (count / samples)
      const isUpdate = progress.batch % accumulationSteps === 0 || progress.batch === learningRates.length
      if (!isUpdate) return
      const point = this.#curve.add(learningRates[progress.batch - 1] as number, loss)
      ;[samples, loss] = [0, 0]
      await this.#setting.onStep?.({ step: this.points.length, steps, ...point })
      if (this.#curve.hasDiverged) this.#divergence.abort()
    }
  }
}

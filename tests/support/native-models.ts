import type { NativeAllocator, NativeImageRnn, NativeModelOptions, NativeOptimizer } from '../../lib/addon/binding'
import { native } from '../../lib/addon/native'
import { allocateResult } from '../../lib/addon/result-arrays'
import { resolveOptions } from '../../lib/options/checks'
import { MODEL_OPTIONS } from '../../lib/options/options'
import { smallOptions } from './sample-models'

/** The tutorial's optimizer. */
export const PLAIN_ADAM: NativeOptimizer = { optimizer: 'adam', betas: [0.9, 0.999], weightDecay: 0, momentum: 0.95, clipGradNorm: 0 }

/** A small model of the addon itself, without the class around it: for tests of the addon's interface. */
export function createNativeModel(changes: Partial<NativeModelOptions> = {}, allocate: NativeAllocator = allocateResult): NativeImageRnn {
  const options = resolveOptions(MODEL_OPTIONS, smallOptions(), 'ImageRNN')
  // Not resolved, so that the addon's own checks and limits are met.
  return new (native().ImageRnn)({ ...options, ...changes, cores: 1, cudaDevices: 0 }, allocate)
}

/** The options of a model, some of which depend on each other. */

import { checkOption, resolveOptions } from './checks'
import { checkClassNames } from './class-names'
import { checkNormalization } from './normalization'
import { MODEL_OPTIONS, type ResolvedModelOptions } from './options'

/**
 * Checks the options of a model and fills in the defaults. Names alone tell how many classes there are.
 *
 * @param owner - Whose options they are, for errors.
 * @throws TorchRnnError `ERR_INVALID_OPTION`
 */
export function resolveModelOptions(given: unknown, owner: string): ResolvedModelOptions {
  const { classNames, ...resolved } = resolveOptions(MODEL_OPTIONS, given, owner, ['normalization'])
  const options = (given ?? {}) as { numClasses?: number; normalization?: unknown }
  const normalization = checkNormalization(options.normalization, resolved.inputSize)
  const plain = { ...resolved, ...(normalization !== undefined && { normalization }) }
  if (classNames === undefined) return plain
  const numClasses = options.numClasses ?? checkOption('numClasses', MODEL_OPTIONS.numClasses, classNames.length)
  return { ...plain, numClasses, classNames: checkClassNames(classNames, numClasses) }
}

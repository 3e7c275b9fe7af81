/** The options of a model, of which one is no single value. */
import { resolveOptions } from './checks'
import { checkNormalization } from './normalization'
import { MODEL_OPTIONS, type ResolvedModelOptions } from './options'

/**
 * Checks the options of a model and fills in the defaults.
 *
 * @param owner - Whose options they are, for errors.
 * @throws TorchRnnError `ERR_INVALID_OPTION`
 */
export function resolveModelOptions(given: unknown, owner: string): ResolvedModelOptions {
  const resolved = resolveOptions(MODEL_OPTIONS, given, owner, ['normalization'])
  const { normalization: value } = (given ?? {}) as { normalization?: unknown }
  const normalization = checkNormalization(value, resolved.inputSize)
  return { ...resolved, ...(normalization !== undefined && { normalization }) }
}

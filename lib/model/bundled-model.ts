import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { TorchRnnError } from '../errors'
import { checkNotBundled } from '../host/bundle'
import { PACKAGE_ROOT } from '../version'

/**
 * The file of the model that comes with this package: the recipe `accurate` with seed 1, trained on all 60,000 images of MNIST's training set.
 * Its card, `README.md`, lies beside it.
 *
 * @throws TorchRnnError `ERR_FILE_SYSTEM` when it is missing; `ERR_LIBRARY_LOAD` in a bundle.
 */
export function findBundledModel(): string {
  checkNotBundled()
  const file = join(PACKAGE_ROOT, 'models', 'mnist', 'model.safetensors')
  if (existsSync(file)) return file
  const message = `The model that comes with this package is missing: ${file}. Install the package again, or name a model of your own.`
  throw new TorchRnnError('ERR_FILE_SYSTEM', message, { expected: file, actual: 'none' })
}

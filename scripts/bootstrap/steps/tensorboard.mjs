/** TensorBoard's Python package, as far as it reads event files, and a YAML reader: what tests read the files of a run with. */
import { join } from 'node:path'
import { CACHE, ROOT } from '../places.mjs'
import { pythonPackagesStep } from './python-packages.mjs'

/** A folder for Python's search path. */
export const TENSORBOARD = join(CACHE, 'tensorboard')

export const tensorboard = pythonPackagesStep({
  name: 'tensorboard',
  title: 'installing TensorBoard, which reads event files',
  requirements: join(ROOT, 'scripts', 'tensorboard', 'requirements.txt'),
  folder: TENSORBOARD,
  outputs: [join(TENSORBOARD, 'tensorboard', 'version.py'), join(TENSORBOARD, 'yaml', '__init__.py')],
  forThisPython: true,
})

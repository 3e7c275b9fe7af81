/** LIEF, a library that reads binaries. */
import { join } from 'node:path'
import { CACHE, ROOT } from '../places.mjs'
import { pythonPackagesStep } from './python-packages.mjs'

/** A folder for Python's search path. */
export const LIEF = join(CACHE, 'lief')

export const lief = pythonPackagesStep({
  name: 'lief',
  title: 'installing LIEF, which reads binaries',
  requirements: join(ROOT, 'scripts', 'packaging', 'requirements.txt'),
  folder: LIEF,
  outputs: [join(LIEF, 'lief', '__init__.py')],
  forThisPython: true,
})

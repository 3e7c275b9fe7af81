/** The safetensors package for Python, with which tests exchange files. It needs only NumPy. */
import { join } from 'node:path'
import { CACHE, ROOT } from '../places.mjs'
import { pythonPackagesStep } from './python-packages.mjs'

/** A folder for Python's search path; tests/support/python.ts knows it, too. */
const FOLDER = join(CACHE, 'python-safetensors')

export const pythonSafetensors = pythonPackagesStep({
  name: 'python-safetensors',
  title: 'installing safetensors for Python',
  requirements: join(ROOT, 'scripts', 'checks', 'requirements-safetensors.txt'),
  folder: FOLDER,
  outputs: ['safetensors', 'numpy'].map((name) => join(FOLDER, name, '__init__.py')),
  forThisPython: true,
})

/** ONNX's Python package: the definition of the format, and its checker. */
import { join } from 'node:path'
import { CACHE, ROOT } from '../places.mjs'
import { pythonPackagesStep } from './python-packages.mjs'

/** A folder for Python's search path. */
export const ONNX = join(CACHE, 'onnx')

export const onnx = pythonPackagesStep({
  name: 'onnx',
  title: 'installing ONNX, which checks exported models',
  requirements: join(ROOT, 'scripts', 'onnx', 'requirements.txt'),
  folder: ONNX,
  outputs: [join(ONNX, 'onnx', 'onnx.proto'), join(ONNX, 'onnx', 'checker.py')],
  forThisPython: true,
})

/** What the figures depend on: the machine, and the libraries on both sides. */
import { execFile, spawnSync } from 'node:child_process'
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { PYTHON } from '../bootstrap/places.mjs'
import { BenchError } from './bench-error.mjs'
import { withProgress } from './report.mjs'

const ROOT = join(import.meta.dirname, '..', '..')
/** The command line of this package. */
export const PROGRAM = join(ROOT, 'dist', 'cli', 'main.js')

/** A process that waits for a core nearly all the time adds 1 to the load. */
export const BUSY_LOAD = 0.5

const DESCRIBE_PYTHON = `
import json, platform, sys
import numpy, torch
cpu = torch.backends.cpu.get_cpu_capability()
print(json.dumps({"python": sys.executable, "version": platform.python_version(), "torch": torch.__version__, "cpu": cpu}))
`

/** Describes this machine and this package's side, and prints it. */
export async function describeMachine() {
  const machine = {
    cpu: cpus()[0]?.model.trim() ?? 'unknown CPU',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    system: `${process.platform}-${process.arch} ${release()}`,
    load: loadavg()[0],
    node: process.versions.node,
    addon: await withProgress('asking the addon for its libtorch', describeAddon),
  }
  const { cpu, cores, memoryBytes, system, load, node, addon } = machine
  console.log(`${cpu}, ${cores} cores, ${(memoryBytes / 2 ** 30).toFixed(0)} GiB, ${system}; Node ${node}; addon: ${addon}`)
  if (load > BUSY_LOAD)
    console.log(`In the last minute the load was ${load.toFixed(1)}: while other programs compute, the figures mean nothing.`)
  return machine
}

/** libtorch's version, instruction set and threads, as `doctor` reports them. */
async function describeAddon() {
  // When something is broken, doctor fails, and its lines say what.
  const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, 'doctor', '--json']).catch((error) => error)
  const events = (stdout ?? '').split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]))
  const check = events.find(({ type, name }) => type === 'check' && name === 'CPU')
  if (check?.status === 'ok') return check.message
  throw new BenchError('Expected an addon that works, but doctor finds something broken: npm run train -- doctor tells what.')
}

/** The Python that was asked for, or python3 if it has torch; says so if not. */
export function findPythonIfAny(asked) {
  if (asked !== undefined) return findPython(asked)
  try {
    return findPython(PYTHON)
  } catch (error) {
    console.log(`Without PyTorch in Python. ${error.message}`)
    return undefined
  }
}

/**
 * Says so where PyTorch brings more than the CPU needs.
 *
 * @param {{ torch: string }} python - As found by {@link findPython}.
 * @param {string} device - Where it computes.
 */
export function warnOfCudaBuild({ torch }, device) {
  if (device !== 'cpu' || !torch.includes('+cu')) return
  console.log(
    'This PyTorch is built for CUDA and loads the CUDA libraries even on the CPU. One built for the CPU starts faster and takes less memory.',
  )
}

/**
 * Finds a Python with torch and numpy, and prints what it is.
 *
 * @param {string} asked - A program, by name or path.
 * @returns {{ python: string, version: string, torch: string, cpu: string }} `python` is the interpreter itself, without a version
 *   manager's wrapper, which would take time.
 */
export function findPython(asked) {
  const { status, stdout, stderr, error } = spawnSync(asked, ['-c', DESCRIBE_PYTHON], { encoding: 'utf8' })
  if (status !== 0) {
    const reason = error?.message ?? stderr.trim().split('\n').at(-1)
    const advice = 'In a venv, pip install torch==2.15.0 numpy makes one; --python names its program'
    throw new BenchError(`Expected a Python with torch and numpy but ${asked} is none: ${reason}. ${advice}.`)
  }
  const found = JSON.parse(stdout)
  console.log(`Python ${found.version}, PyTorch ${found.torch}, ${found.cpu}`)
  return found
}

/** Runs the ES modules of scripts/bootstrap in processes of their own, because jest loads CommonJS only. */
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type ProgramSettings, REPOSITORY, type RunningProgram, startNode } from './run-program'

/**
 * Starts a program.
 *
 * @param modules - Files of scripts/bootstrap. All that they export is there by name.
 * @param text - May await; finds `args` in the variable of that name.
 * @param root - The clone whose scripts are meant.
 */
export function startModule(modules: readonly string[], text: string, args: readonly string[] = [], root = REPOSITORY): RunningProgram {
  const imports = modules.map((name) => `await import(${JSON.stringify(pathToFileURL(join(root, 'scripts', 'bootstrap', name)).href)})`)
  const program = `
    Object.assign(globalThis, ${imports.join(', ')})
    const args = process.argv.slice(1);
    ${text}
  `
  return startNode(['--input-type=module', '--eval', program, ...args])
}

/** Runs a program to its end and returns what it printed, which must be JSON. */
export async function runModule(modules: readonly string[], text: string, args?: readonly string[], root?: string): Promise<unknown> {
  const { code, stdout, stderr } = await startModule(modules, text, args, root).ended
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(stdout)
}

/** Copies the files that git tracks, as they are now: what a fresh clone has. @param part - Only those below this folder. */
export function copyClone(folder: string, part = '.'): string {
  const files = execFileSync('git', ['ls-files', '-z', '--', part], { cwd: REPOSITORY, encoding: 'utf8' }).split('\0').slice(0, -1)
  for (const file of files) {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    copyFileSync(join(REPOSITORY, file), join(folder, file))
  }
  return folder
}

/** The environment variables of a machine whose only programs are those in a folder. */
export function onlyProgramsIn(folder: string): ProgramSettings['env'] {
  const unset = ['LIBTORCH', 'LIBTORCH_USE_PYTORCH', 'CXX', 'CMAKE_GENERATOR', 'npm_execpath']
  return { ...Object.fromEntries(unset.map((name) => [name, undefined])), PATH: folder }
}

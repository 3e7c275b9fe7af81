/** A folder that CMake builds in, from one time to the next. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/**
 * Builds in a folder, which is removed before where it cannot be continued: one of another configuration, because CMake keeps what it has found
 * once, or one in which a build was killed. Only Ninja then knows which files are half-written; and without its build.ninja, not even CMake
 * came to its end.
 *
 * @param {string} folder
 * @param {string} record - A file beside the folder, not in it, that keeps the configuration. `<record>.running` is there while a build runs, and
 *   after it was killed. The stamps of steps cannot tell that, because several steps build in one folder.
 * @param {string} configuration
 * @param {AbortSignal} signal - Of the step.
 * @param {(isNew: boolean) => Promise<void>} build - isNew: the folder was removed, or never there, so nothing of earlier steps is in it.
 */
export async function buildIn(folder, record, configuration, signal, build) {
  const running = `${record}.running`
  const isTorn = existsSync(running) && !existsSync(join(folder, 'build.ninja'))
  const isNew = isTorn || readIfThere(record) !== configuration
  if (isNew) rmSync(folder, { recursive: true, force: true })
  mkdirSync(dirname(record), { recursive: true })
  writeFileSync(record, configuration)
  writeFileSync(running, '')
  try {
    await build(isNew)
  } catch (error) {
    if (!signal.aborted) rmSync(running) // It failed in an orderly way, as by a compiler's error.
    throw error
  }
  signal.throwIfAborted()
  rmSync(running)
}

function readIfThere(file) {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}

/**
 * Remembers what each step was made from, so that it is skipped while that is unchanged.
 *
 * A step has no stamp while it runs, and gets one only when its outputs exist. If the step fails or is killed, it runs again.
 *
 * tsc and CMake have stamps as well, although they know by themselves what is stale: tsc writes every file of dist/ anew, which another
 * program may be loading at that moment, and both would have to be started, under the lock, before each training.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'

/**
 * Hashes the content of files, together with their names.
 *
 * @param {string} root - Names are relative to it, so that a moved clone keeps its hashes.
 * @param {string[]} files - Absolute paths. A missing file counts as such.
 */
export function hashFiles(root, files) {
  const hash = createHash('sha256')
  for (const file of [...files].sort()) {
    const content = contentHash(file)
    hash.update(`${relative(root, file).split(sep).join('/')}\0${content}\n`)
  }
  return hash.digest('hex')
}

function contentHash(file) {
  try {
    return createHash('sha256').update(readFileSync(file)).digest('hex')
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return 'missing'
    throw error
  }
}

/** All files below a folder whose name ends in one of `endings`; none where the folder does not exist. */
export function filesBelow(folder, endings = ['']) {
  let entries
  try {
    entries = readdirSync(folder, { withFileTypes: true, recursive: true })
  } catch (error) {
    if (error.code === 'ENOENT') return []
    throw error
  }
  return entries
    .filter((entry) => !entry.isDirectory() && endings.some((ending) => entry.name.endsWith(ending)))
    .map((entry) => join(entry.parentPath, entry.name))
}

/** The stamps of one clone. */
export class Stamps {
  #folder
  #root

  /**
   * @param {string} folder - Where the stamps lie.
   * @param {string} root - Outputs are written down relative to it.
   */
  constructor(folder, root) {
    this.#folder = folder
    this.#root = root
  }

  /** Whether the step was completed from these inputs, and its outputs are there with the size they had then. */
  isCurrent(step, fingerprint) {
    const stamp = this.#read(step)
    if (stamp?.fingerprint !== fingerprint) return false
    return Object.entries(stamp.outputs).every(([file, size]) => statSync(join(this.#root, file), { throwIfNoEntry: false })?.size === size)
  }

  /** Removes the stamp, because the step is about to change its outputs. */
  begin(step) {
    rmSync(this.#file(step), { force: true })
  }

  /** Marks the step as completed. @param {string[]} outputs - Absolute paths; each must exist. */
  finish(step, fingerprint, outputs) {
    const sizes = Object.fromEntries(outputs.map((file) => [relative(this.#root, file), statSync(file).size]))
    this.#write(step, { fingerprint, outputs: sizes })
  }

  #file(step) {
    return join(this.#folder, `${step}.json`)
  }

  #read(step) {
    try {
      return JSON.parse(readFileSync(this.#file(step), 'utf8'))
    } catch (error) {
      // A stamp cut short by a full disk or a power failure is as good as none.
      if (['ENOENT', 'ENOTDIR'].includes(error.code) || error instanceof SyntaxError) return undefined
      throw error
    }
  }

  #write(step, stamp) {
    mkdirSync(this.#folder, { recursive: true })
    const temporary = `${this.#file(step)}.${process.pid}`
    writeFileSync(temporary, JSON.stringify(stamp))
    renameSync(temporary, this.#file(step))
  }
}

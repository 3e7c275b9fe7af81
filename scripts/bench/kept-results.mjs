/** The file of `--json` of a benchmark that takes hours: it holds what was done so far, and another run goes on from there. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { BenchError } from './bench-error.mjs'

/** The results of an earlier run of this benchmark; undefined where there is no such file, or an empty one. */
export function readKept(file, benchmark) {
  if (file === undefined) return undefined
  let text = ''
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if (error.code !== 'ENOENT') throw new BenchError(`Expected a file that can be read for --json but ${file} gave: ${error.message}.`)
  }
  if (text.trim() === '') return undefined
  let found
  try {
    found = JSON.parse(text)
  } catch {
    // Reported below.
  }
  if (found?.benchmark === benchmark && Array.isArray(found.runs)) return found
  throw new BenchError(`Expected the results of an earlier run in ${file}, but it holds something else. Give another file, or remove it.`)
}

/** Replaces the file as a whole, so that an end at any time leaves what was kept before. */
export function keep(file, results) {
  if (file === undefined) return
  const partial = `${file}.partial`
  try {
    writeFileSync(partial, `${JSON.stringify(results, undefined, 2)}\n`)
    renameSync(partial, file)
  } catch (error) {
    throw new BenchError(`Expected a file that can be written for --json but ${file} gave: ${error.message}.`)
  }
}

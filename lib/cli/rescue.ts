/** Saves a trained model somewhere else when it cannot be saved to its own file. */
import { randomBytes } from 'node:crypto'
import { existsSync, statSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { TorchRnnError } from '../errors'
import { showPath, toFileSystemError } from '../files/regular-file'
import type { ImageRNN } from '../model/image-rnn'
import { CommandFailure } from './exit'

/** The file that holds the model now, or why the model is lost. */
export type Rescue = { readonly file: string } | { readonly loss: string }

const QUESTION = 'Where else? A file or folder (Enter alone gives it up): '

/**
 * Saves a model in the first of these places where it can be saved: its own file, and new files in the current, the temporary and the home
 * folder. When it cannot be saved in any of them, and there is a terminal, the user is asked for another place.
 *
 * @param stop - Ends the question, too, unless it was aborted before: then it is the reason why the model has to be saved.
 */
export async function rescueModel(model: ImageRNN, file: string, stop: AbortSignal): Promise<Rescue> {
  const name = newName()
  const failures: string[] = []
  for (const place of distinct([file, name, join(tmpdir(), name), join(homedir(), name)])) {
    try {
      await model.save(place)
      return { file: place }
    } catch (error) {
      if (!isRefusal(error)) return { loss: describeLoss(error) }
      failures.push(`${showPath(place)} (${error.actual ?? error.message})`)
    }
  }
  const loss = `The model is lost. It could not be saved to any of ${failures.join(', ')}.`
  const isTerminalGone = stop.reason instanceof CommandFailure && stop.reason.isHangUp
  if (isTerminalGone || !process.stdin.isTTY || !process.stderr.isTTY) return { loss }
  process.stderr.write(`The model could not be saved to any of ${failures.join(', ')}.\n`)
  return (await askForPlace(model, stop)) ?? { loss }
}

/** A name that no file has yet, so that no other file is replaced. */
function newName(): string {
  return `torch-rnn-mnist-${randomBytes(8).toString('hex')}.safetensors`
}

/** The places without those that are the same file as an earlier one. The current folder may be the home folder, for example. */
function distinct(places: readonly string[]): string[] {
  const paths = places.map((place) => resolve(place))
  return places.filter((_, index) => paths.indexOf(paths[index] as string) === index)
}

/** Whether the place was the problem, so that another one is worth a try. */
function isRefusal(error: unknown): error is TorchRnnError {
  return error instanceof TorchRnnError && error.code === 'ERR_FILE_SYSTEM'
}

function describeLoss(error: unknown): string {
  return `The model is lost. ${error instanceof Error ? error.message : String(error)}`
}

/**
 * Asks until the model is saved.
 *
 * @returns Undefined when the user gives up, with an empty answer, Ctrl-C or the end of the input, and when the terminal is lost.
 */
async function askForPlace(model: ImageRNN, stop: AbortSignal): Promise<Rescue | undefined> {
  const questions = createInterface({ input: process.stdin, output: process.stderr })
  const end = new AbortController()
  for (const event of ['SIGINT', 'close', 'error']) questions.on(event, () => end.abort())
  const signal = stop.aborted ? end.signal : AbortSignal.any([end.signal, stop])
  try {
    for (;;) {
      const answer = (await questions.question(QUESTION, { signal })).trim()
      if (answer === '') return undefined
      const outcome = await saveToAnswer(model, answer)
      if (typeof outcome !== 'string') return outcome
      process.stderr.write(`${outcome}\n`)
    }
  } catch (error) {
    if (!signal.aborted) throw error
    process.stderr.write('\n')
    return undefined
  } finally {
    questions.close()
  }
}

/** @returns A message about what is wrong with the answer when the user may give another one. */
async function saveToAnswer(model: ImageRNN, answer: string): Promise<Rescue | string> {
  try {
    const file = expandAnswer(answer)
    if (existsSync(file)) return `${showPath(file)} exists already.`
    await model.save(file)
    return { file }
  } catch (cause) {
    const error = toFileSystemError('write', answer, cause) // Node's permission model may already refuse to look at the place.
    return isRefusal(error) ? error.message : { loss: describeLoss(error) }
  }
}

/** Replaces ~, which no shell has done here, and adds a new name to the path of a folder. */
function expandAnswer(answer: string): string {
  const path = answer.replace(/^~(?=[/\\]|$)/, () => homedir())
  return isFolder(path) ? join(path, newName()) : path
}

/** Also false for a path that the system refuses. The attempt to save there then tells why. */
function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}

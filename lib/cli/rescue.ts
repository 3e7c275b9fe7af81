/** Saves a trained model whose own place fails: somewhere else, or where the user says. */
import { randomBytes } from 'node:crypto'
import { existsSync, statSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { TorchRnnError } from '../errors'
import { showPath } from '../files/regular-file'
import type { ImageRNN } from '../model/image-rnn'

/** Where the model is now, or why it is nowhere. */
export type Rescue = { readonly file: string } | { readonly loss: string }

const QUESTION = 'Where else? A file or folder (Enter: give the model up): '

/**
 * Saves a model in the first place that takes it: its own file, then new files in the current, the temporary and the home folder. Where none
 * does, a user at a terminal is asked for one.
 *
 * @param stop - What else ends the waiting for an answer, unless it has happened before.
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
  if (!process.stdin.isTTY || !process.stderr.isTTY) return { loss }
  process.stderr.write(`The model could not be saved to any of ${failures.join(', ')}.\n`)
  return (await askForPlace(model, stop)) ?? { loss }
}

/** A name that no file has: what is saved in a hurry must not replace anything. */
function newName(): string {
  return `torch-rnn-mnist-${randomBytes(8).toString('hex')}.safetensors`
}

/** Without those that lead to the same file: the current folder may be the home folder. */
function distinct(places: readonly string[]): string[] {
  const paths = places.map((place) => resolve(place))
  return places.filter((_, index) => paths.indexOf(paths[index] as string) === index)
}

/** Whether another place may do. */
function isRefusal(error: unknown): error is TorchRnnError {
  return error instanceof TorchRnnError && error.code === 'ERR_FILE_SYSTEM'
}

function describeLoss(error: unknown): string {
  return `The model is lost. ${error instanceof Error ? error.message : String(error)}`
}

/** Asks until a place takes the model. Undefined when the user gives up: by an empty answer, Ctrl-C or the end of the input. */
async function askForPlace(model: ImageRNN, stop: AbortSignal): Promise<Rescue | undefined> {
  const questions = createInterface({ input: process.stdin, output: process.stderr })
  const end = new AbortController()
  questions.on('SIGINT', () => end.abort()).on('close', () => end.abort())
  const signal = stop.aborted ? end.signal : AbortSignal.any([end.signal, stop])
  try {
    for (;;) {
      const answer = (await questions.question(QUESTION, { signal })).trim()
      if (answer === '') return undefined
      const outcome = await saveAsTold(model, answer)
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

/** @returns Why that does not work, where the user may choose another place. */
async function saveAsTold(model: ImageRNN, answer: string): Promise<Rescue | string> {
  const file = expandAnswer(answer)
  if (existsSync(file)) return `${showPath(file)} exists already.`
  try {
    await model.save(file)
    return { file }
  } catch (error) {
    return isRefusal(error) ? error.message : { loss: describeLoss(error) }
  }
}

/** There is no shell here to know the home folder; and in a folder, the model gets a new name. */
function expandAnswer(answer: string): string {
  const path = answer.replace(/^~(?=[/\\]|$)/, () => homedir())
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ? join(path, newName()) : path
}

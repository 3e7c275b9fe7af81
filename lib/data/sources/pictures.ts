/** A data set from a folder of pictures by class. */
import { createHash } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { TorchRnnError } from '../../errors'
import { allocateBytes, invalidFile, readFileChecked, showPath } from '../../files/regular-file'
import { MAX_PICTURE_BYTES } from '../../images/decode-picture'
import type { GreyPicture } from '../../images/grey-picture'
import { PACKAGE_VERSION } from '../../version'
import { MAX_DATASET_BYTES } from '../idx'
import { CACHE_HEADER_BYTES, hasCache, readCache, writeCache } from './picture-cache'
import { listPictures, type PictureList } from './picture-list'
import { decodeFor, isDarkInk, type PictureTarget, placePicture } from './picture-pixels'
import type { RawData, RawPart, ReadingChoices } from './raw-data'

/** How far the reading is, and when it ends early. */
export interface ReadingHooks {
  readonly onProgress?: ((progress: { done: number; total: number }) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/** The size of MNIST's images. */
const USUAL_SIDE = 28
/** Pictures that decide together whether their ink is dark. */
const INK_SAMPLE = 64
/** Pictures at work at once: enough for all cores, while others are being read. */
const MAX_AT_ONCE = 16
const DIGEST_BYTES = 32
const SHOWN_BROKEN = 3
const BROKEN = 1

/**
 * Reads all pictures. Those that were decoded before, in the same way, come from the cache beside them.
 *
 * @throws TorchRnnError `ERR_INVALID_FILE`, `ERR_FILE_SYSTEM`, `ERR_LIBRARY_LOAD`, `ERR_OUT_OF_MEMORY`; and the signal's reason.
 */
export async function readPictures(
  root: string,
  choices: ReadingChoices,
  hooks: ReadingHooks,
): Promise<RawData & { readonly target: PictureTarget }> {
  const list = await listPictures(root)
  const work = new PictureWork(root, list, choices, hooks)
  await work.run()
  return work.result()
}

/** The pictures of a folder on their way into one array. */
class PictureWork {
  readonly #root: string
  readonly #list: PictureList
  readonly #choices: ReadingChoices
  readonly #hooks: ReadingHooks
  readonly #rows: number
  readonly #columns: number
  /** The header of the cache, all images, and a byte for each that says whether it is broken. */
  readonly #content: Uint8Array
  readonly #digests: Uint8Array
  readonly #broken: { index: number; error: TorchRnnError }[] = []
  #ink: 'dark' | 'light' = 'light'

  constructor(root: string, list: PictureList, choices: ReadingChoices, hooks: ReadingHooks) {
    this.#root = root
    this.#list = list
    this.#choices = choices
    this.#hooks = hooks
    const [rows, columns] = choices.imageSize ?? [USUAL_SIDE, USUAL_SIDE]
    this.#rows = rows
    this.#columns = columns
    const count = list.pictures.length
    if (count * rows * columns > MAX_DATASET_BYTES) {
      const actual = `${count} pictures of ${rows} x ${columns}`
      throw invalidFile(root, `at most ${MAX_DATASET_BYTES} bytes of images`, actual, 'Choose a smaller imageSize (--image-size).')
    }
    this.#content = allocateBytes(CACHE_HEADER_BYTES + count * (rows * columns + 1), root)
    this.#digests = new Uint8Array(count * DIGEST_BYTES)
  }

  async run(): Promise<void> {
    this.#ink = await this.#chooseInk()
    const cache = this.#cacheFile()
    if ((await hasCache(cache, this.#content.length)) && (await this.#isCached(cache))) return
    await this.#forEach(async (index) => await this.#decode(index))
    const [first] = this.#broken.sort((one, other) => one.index - other.index)
    if (first !== undefined && this.#choices.skipBroken !== true) throw withAdvice(first.error)
    await writeCache(cache, this.#key(), this.#content)
  }

  result(): RawData & { readonly target: PictureTarget } {
    const { classNames, trainCount, testFolder } = this.#list
    const kept = this.#dropBroken()
    const train = this.#part(0, kept.train)
    const test = testFolder === undefined ? {} : { test: this.#part(kept.train, kept.all) }
    const isNumbered = classNames.every((name, label) => name === String(label))
    const names = isNumbered ? {} : { names: new Map(classNames.map((name, label) => [label, name])) }
    const target = { rows: this.#rows, columns: this.#columns, fit: this.#choices.fit ?? 'contain', ink: this.#ink } as const
    if (trainCount > 0 && kept.train === 0) throw invalidFile(this.#root, 'at least one picture that can be read', 'none')
    return { format: 'pictures', name: 'pictures by class', train, ...test, ...names, notes: this.#notes(), target }
  }

  /** Evenly over all pictures, so over all classes. Those that are broken have no say. */
  async #chooseInk(): Promise<'dark' | 'light'> {
    const { ink = 'auto' } = this.#choices
    if (ink !== 'auto') return ink
    const { length } = this.#list.pictures
    const count = Math.min(INK_SAMPLE, length)
    const seen: GreyPicture[] = []
    await this.#atOnce(count, async (place) => {
      const index = Math.floor((place * length) / count)
      const picture = await this.#open(index).catch((error: unknown) => {
        if (isBroken(error)) return undefined
        throw error
      })
      if (picture !== undefined) seen.push(picture)
    })
    return isDarkInk(seen) ? 'dark' : 'light'
  }

  async #open(index: number): Promise<GreyPicture> {
    const path = this.#pathOf(index)
    return await decodeFor(await this.#read(index), showPath(path), { rows: this.#rows, columns: this.#columns })
  }

  /** The bytes of a picture, which are hashed on the way. */
  async #read(index: number): Promise<Uint8Array> {
    const bytes = await readFileChecked(this.#pathOf(index), MAX_PICTURE_BYTES)
    this.#digests.set(createHash('sha256').update(bytes).digest(), index * DIGEST_BYTES)
    return bytes
  }

  async #decode(index: number): Promise<void> {
    try {
      await placePicture(await this.#open(index), this.#target(), this.#image(index))
    } catch (error) {
      if (!isBroken(error)) throw error
      this.#flags()[index] = BROKEN
      this.#broken.push({ index, error })
    }
  }

  async #isCached(cache: string): Promise<boolean> {
    await this.#forEach(async (index) => void (await this.#read(index)))
    if (!(await readCache(cache, this.#key(), this.#content))) {
      this.#content.fill(0)
      return false
    }
    return this.#choices.skipBroken === true || !this.#flags().includes(BROKEN)
  }

  async #forEach(work: (index: number) => Promise<void>): Promise<void> {
    const total = this.#list.pictures.length
    let done = 0
    await this.#atOnce(total, async (index) => {
      await work(index)
      done += 1
      this.#hooks.onProgress?.({ done, total })
    })
  }

  /** Some side by side. After an error no more are begun, and the error is thrown once those at work are done. */
  async #atOnce(count: number, work: (index: number) => Promise<void>): Promise<void> {
    let next = 0
    let failure: { error: unknown } | undefined
    const worker = async () => {
      while (next < count && failure === undefined) {
        const index = next
        next += 1
        try {
          this.#hooks.signal?.throwIfAborted()
          await work(index)
        } catch (error) {
          failure ??= { error }
        }
        if (this.#broken.length > 0 && this.#choices.skipBroken !== true) next = count
      }
    }
    await Promise.all(Array.from({ length: Math.min(MAX_AT_ONCE, 2 * availableParallelism()) }, worker))
    if (failure !== undefined) throw failure.error
  }

  /** What the decoded pictures follow from: their names and bytes, and how they are decoded. */
  #key(): Uint8Array {
    const hash = createHash('sha256')
    const { rows, columns, fit, ink } = this.#target()
    hash.update(JSON.stringify([PACKAGE_VERSION, rows, columns, fit, ink, this.#list.pictures.length]))
    for (const { folder, name } of this.#list.pictures) hash.update(`${join(folder, name)}\0`)
    return hash.update(this.#digests).digest()
  }

  #cacheFile(): string {
    const { rows, columns, fit, ink } = this.#target()
    return join(this.#root, `.torch-rnn-mnist-${rows}x${columns}-${fit}-${ink}.cache`)
  }

  #target(): PictureTarget {
    return { rows: this.#rows, columns: this.#columns, fit: this.#choices.fit ?? 'contain', ink: this.#ink }
  }

  /** Closes the gaps that broken pictures leave. @returns How many pictures are left, and how many of them are to train with. */
  #dropBroken(): { train: number; all: number } {
    const flags = this.#flags()
    let [train, all] = [0, 0]
    for (let index = 0; index < flags.length; index += 1) {
      if (flags[index] === BROKEN) continue
      if (all !== index) this.#image(all).set(this.#image(index))
      all += 1
      if (index < this.#list.trainCount) train += 1
    }
    return { train, all }
  }

  #part(start: number, end: number): RawPart {
    const flags = this.#flags()
    const labels = Uint8Array.from(
      this.#list.pictures.filter((_, index) => flags[index] !== BROKEN).slice(start, end),
      ({ label }) => label,
    )
    const pixels = this.#rows * this.#columns
    const images = this.#content.subarray(CACHE_HEADER_BYTES + start * pixels, CACHE_HEADER_BYTES + end * pixels)
    return { images, shape: [end - start, this.#rows, this.#columns], labels, imagesFile: this.#root, labelsFile: this.#root }
  }

  #notes(): string[] {
    const { testFolder } = this.#list
    const broken: number[] = []
    for (const [index, flag] of this.#flags().entries()) if (flag === BROKEN) broken.push(index)
    const shown = broken.slice(0, SHOWN_BROKEN).map((index) => showPath(this.#pathOf(index)))
    const names = `${shown.join(', ')}${broken.length > shown.length ? ', ...' : ''}`
    const pictures = broken.length === 1 ? '1 broken picture' : `${broken.length} broken pictures`
    return [
      `${this.#rows} x ${this.#columns}`,
      this.#ink === 'dark' ? 'dark on light, inverted' : 'light on dark',
      ...(testFolder === undefined || /^test/i.test(testFolder) ? [] : [`${testFolder} is the test part`]),
      ...(broken.length === 0 ? [] : [`${pictures} left out (${names})`]),
    ]
  }

  #pathOf(index: number): string {
    const { folder, name } = this.#list.pictures[index] as PictureList['pictures'][number]
    return join(this.#root, folder, name)
  }

  #image(index: number): Uint8Array {
    const pixels = this.#rows * this.#columns
    return this.#content.subarray(CACHE_HEADER_BYTES + index * pixels, CACHE_HEADER_BYTES + (index + 1) * pixels)
  }

  /** A byte for each picture: whether it is broken. */
  #flags(): Uint8Array {
    return this.#content.subarray(CACHE_HEADER_BYTES + this.#list.pictures.length * this.#rows * this.#columns)
  }
}

/** Whether a picture is at fault, and not the disk or this program. */
function isBroken(error: unknown): error is TorchRnnError {
  return error instanceof TorchRnnError && error.code === 'ERR_INVALID_FILE'
}

function withAdvice(error: TorchRnnError): TorchRnnError {
  const { code, message, expected, actual } = error
  return new TorchRnnError(code, `${message} Broken pictures are left out by skipBroken (--skip-broken).`, {
    expected,
    actual,
    cause: error,
  })
}

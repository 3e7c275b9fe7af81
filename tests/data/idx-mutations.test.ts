/**
 * Hundreds of generated, damaged IDX files. Each is refused or read correctly. A plain file has no checksum: a change in its pixels makes it
 * another valid file, whose data an independent reader checks. A compressed file gives the original data or none.
 */
import { writeFileSync } from 'node:fs'
import { gunzipSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { TorchRnnError } from '../../lib'
import { readIdxImages, readIdxLabels } from '../../lib/data/idx'
import { byteMutation, type Mutation, mutants, severalOf } from '../support/byte-mutations'
import { useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()
const RUNS = mutants(3000)
const LIMIT_MS = 120_000

const [COUNT, HEIGHT, WIDTH] = [5, 3, 4]
const PIXELS = Uint8Array.from({ length: COUNT * HEIGHT * WIDTH }, (_, index) => (index * 37) % 256)
const IMAGES = Buffer.from([0, 0, 8, 3, 0, 0, 0, COUNT, 0, 0, 0, HEIGHT, 0, 0, 0, WIDTH, ...PIXELS])
const LABELS = Buffer.from([0, 0, 8, 1, 0, 0, 0, COUNT, 0, 1, 2, 3, 4])

/** Puts a number into the header, extreme values included. */
const headerMutation = fc.tuple(fc.nat(3), fc.oneof(fc.nat(0xffffffff), fc.constantFrom(0, 1, 0x7fffffff, 0x80000000, 0xffffffff))).map(
  ([field, value]): Mutation =>
    (bytes) => {
      if (bytes.length < 4 * field + 4) return bytes
      const copy = Buffer.from(bytes)
      copy.writeUInt32BE(value, 4 * field)
      return copy
    },
)
const mutations = severalOf(fc.oneof({ weight: 6, arbitrary: byteMutation }, { weight: 1, arbitrary: headerMutation }))

/** The data of a file that is exactly an IDX file of bytes of this rank; undefined for any other. */
function read(bytes: Buffer, rank: number): Uint8Array | undefined {
  const header = 4 + 4 * rank
  if (bytes.length < header || bytes.readUInt32BE(0) !== 0x0800 + rank) return undefined
  const dimensions = Array.from({ length: rank }, (_, index) => bytes.readUInt32BE(4 + 4 * index))
  const size = dimensions.reduce((product, dimension) => product * dimension, 1)
  return size > 0 && bytes.length === header + size ? Uint8Array.from(bytes.subarray(header)) : undefined
}

/** What the package reads; undefined when it refuses with the right error. */
async function readOrRefuse(reader: (file: string) => Promise<Uint8Array>, bytes: Buffer): Promise<Uint8Array | undefined> {
  const file = path('mutant')
  writeFileSync(file, bytes)
  try {
    return await reader(file)
  } catch (error) {
    if (!(error instanceof TorchRnnError)) throw error
    expect(error).toMatchObject({ code: 'ERR_INVALID_FILE' })
    expect(error.message).toMatch(/^.*mutant.*expected .* but found .*$/)
    return undefined
  }
}

function isCompressed(bytes: Buffer): boolean {
  return bytes.length >= 2 && bytes[0] === 0x1f && bytes[1] === 0x8b
}

const READERS = [
  ['images', IMAGES, 3, async (file: string) => (await readIdxImages(file)).pixels],
  ['labels', LABELS, 1, readIdxLabels],
] as const

describe.each(READERS)('a damaged file of %s', (_, original, rank, reader) => {
  test(
    'is refused, or read as what it says',
    async () => {
      let accepted = 0
      const property = fc.asyncProperty(mutations, async (mutate) => {
        const mutant = mutate(original)
        if (isCompressed(mutant)) return
        const data = await readOrRefuse(reader, mutant)
        accepted += data === undefined ? 0 : 1
        expect(data).toEqual(read(mutant, rank))
      })
      await fc.assert(property, RUNS)
      expect(accepted).toBeGreaterThan(0) // Both happen.
      expect(accepted).toBeLessThan(RUNS.numRuns)
    },
    LIMIT_MS,
  )

  test(
    'is refused, or gives the same data, when it is compressed',
    async () => {
      const compressed = gzipSync(original)
      const property = fc.asyncProperty(mutations, async (mutate) => {
        const mutant = mutate(compressed)
        if (!isCompressed(mutant)) return
        const data = await readOrRefuse(reader, mutant)
        // Only a valid file may pass: the original, or one with another name and time in its header.
        if (data !== undefined) expect(data).toEqual(read(gunzipSync(mutant), rank))
        if (data !== undefined) expect(data).toEqual(read(original, rank))
      })
      await fc.assert(property, RUNS)
    },
    LIMIT_MS,
  )

  test(
    'is refused, or read as what it says, when it was damaged before it was compressed',
    async () => {
      const property = fc.asyncProperty(mutations, async (mutate) => {
        const mutant = mutate(original)
        expect(await readOrRefuse(reader, gzipSync(mutant, { level: 1 }))).toEqual(read(mutant, rank))
      })
      await fc.assert(property, RUNS)
    },
    LIMIT_MS,
  )
})

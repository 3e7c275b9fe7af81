/**
 * Thousands of generated safetensors files, good and damaged. Each damaged one is refused, or read as what it says. `npm run test:mutations`
 * tries a million.
 */
import { writeFileSync } from 'node:fs'
import fc from 'fast-check'
import { decodeSafetensors, encodeSafetensors, type SafetensorsContent, type SafetensorsTensor } from '../../lib/formats/safetensors'
import { withSafetensorsFile } from '../../lib/formats/safetensors-file'
import { damagedFiles, goodFiles, readOrRefuse } from '../support/damaged-safetensors'
import { useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()

const RUNS = 5000

/** Tensors of any bits, NaN of every kind included. */
const bits = fc.uint32Array({ maxLength: 12 })
const tensors: fc.Arbitrary<Map<string, SafetensorsTensor>> = fc
  .dictionary(fc.string({ maxLength: 6, unit: 'binary' }), bits, { maxKeys: 5 })
  .map((named) => new Map(Object.entries(named).map(([name, values]) => [name, tensorOf(values)])))
const texts = fc.dictionary(fc.string({ maxLength: 6, unit: 'binary' }), fc.string({ unit: 'binary' }), { maxKeys: 3 })

function tensorOf(values: Uint32Array): SafetensorsTensor {
  const rows = values.length % 3 === 0 ? 3 : 1
  return { data: new Float32Array(new Uint32Array(values).buffer), shape: [rows, values.length / rows] }
}

const bitsOf = ({ data, shape }: SafetensorsTensor) => ({ shape, bits: Array.from(new Uint32Array(data.buffer)) })

test('what is written is read again, bit for bit', () => {
  const property = fc.property(tensors, texts, (written, metadata) => {
    const read = readOrRefuse(Buffer.from(encodeSafetensors(written, metadata)))
    const wanted = Object.fromEntries(Array.from(written, ([name, tensor]) => [name, bitsOf(tensor)]))
    expect(Object.fromEntries(Array.from(read?.tensors ?? [], ([name, tensor]) => [name, bitsOf(tensor)]))).toEqual(wanted)
    expect({ ...read?.metadata }).toEqual(metadata)
  })
  fc.assert(property, { numRuns: 1000 })
})

test('a good file is read as what it says', () => {
  fc.assert(
    fc.property(goodFiles, (file) => readOrRefuse(file) !== undefined),
    { numRuns: RUNS },
  )
})

test('a file on the disk is refused with the same words, or read as the same', async () => {
  const property = fc.asyncProperty(fc.oneof(goodFiles, damagedFiles), async (file) => {
    writeFileSync(path('file'), file)
    const outcome = (read: () => unknown) =>
      Promise.resolve()
        .then(read)
        .catch((error: Error) => error.message)
    const onDisk = await outcome(() => readFile(path('file')))
    expect(onDisk).toEqual(await outcome(() => decodeSafetensors(file, path('file'))))
  })
  await fc.assert(property, { numRuns: 500 })
})

async function readFile(name: string): Promise<SafetensorsContent> {
  return withSafetensorsFile(name, async ({ entries, metadata, read }) => {
    const tensors = new Map<string, SafetensorsTensor>()
    for (const [key, entry] of entries) tensors.set(key, await read(entry))
    return { tensors, metadata }
  })
}

test('a damaged file is refused, or read as what it says, and can be written again then', () => {
  let accepted = 0
  const property = fc.property(damagedFiles, (file) => {
    const content = readOrRefuse(file)
    if (content === undefined) return
    accepted += 1
    expect(readOrRefuse(Buffer.from(encodeSafetensors(content.tensors, content.metadata)))?.tensors).toEqual(content.tensors)
  })
  fc.assert(property, { numRuns: RUNS })
  expect(accepted).toBeGreaterThan(RUNS / 100) // Both happen often.
  expect(accepted).toBeLessThan(RUNS * 0.9)
})

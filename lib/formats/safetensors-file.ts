import { CONTENT_SAMPLE_BYTES } from '../files/content-kind'
import { allocateBytes, chunksInto, expectEnd, type OpenFile, withRegularFile } from '../files/regular-file'
import { toFloat32InSlices } from './dtype'
import { decodeHeader, decodeHeaderLength, LENGTH_BYTES, type SafetensorsEntry, type SafetensorsTensor } from './safetensors'

/** A safetensors file that is open. Its header is read and checked; of its tensors, only those that are asked for are read. */
export interface SafetensorsFile {
  /** What the file holds, by name, in the order of the data. */
  readonly entries: ReadonlyMap<string, SafetensorsEntry>
  /** Free text by name, without a prototype: a missing name is always undefined. */
  readonly metadata: Readonly<Record<string, string>>
  /**
   * Reads a tensor as float32.
   *
   * @throws TorchRnnError `ERR_INVALID_FILE` when the file changes meanwhile, `ERR_FILE_SYSTEM`, `ERR_OUT_OF_MEMORY`.
   */
  read(entry: SafetensorsEntry): Promise<SafetensorsTensor>
}

/**
 * Opens a safetensors file, lends it to `use` and closes it again. So a caller can refuse a file by its header, before its data takes any
 * memory, however large it is.
 *
 * @throws TorchRnnError `ERR_INVALID_FILE` as decodeSafetensors, `ERR_FILE_SYSTEM`, `ERR_OUT_OF_MEMORY`.
 */
export async function withSafetensorsFile<T>(path: string, use: (file: SafetensorsFile) => Promise<T>): Promise<T> {
  return withRegularFile(path, async (file) => {
    const start = await readBytes(file, 0, Math.min(file.size, CONTENT_SAMPLE_BYTES))
    const headerBytes = decodeHeaderLength(start, file.size, path)
    const dataStart = LENGTH_BYTES + headerBytes
    const { entries, metadata } = decodeHeader(await readBytes(file, LENGTH_BYTES, headerBytes), file.size - dataStart, path)
    await expectEnd(file, file.size)
    const read = async ({ dtype, shape, begin, end }: SafetensorsEntry): Promise<SafetensorsTensor> => {
      const bytes = await readBytes(file, dataStart + begin, end - begin)
      return { data: await toFloat32InSlices(bytes.buffer, dtype, (count) => allocateBytes(count, path)), shape }
    }
    return use({ entries: new Map(entries.map((entry) => [entry.name, entry])), metadata, read })
  })
}

async function readBytes(file: OpenFile, position: number, count: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = allocateBytes(count, file.path)
  for await (const _ of chunksInto(file, bytes, position));
  return bytes
}

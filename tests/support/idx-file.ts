/** An IDX file: magic number, big-endian dimensions, data. */
export function idxFile(dimensions: number[], data: Iterable<number>, type = 0x08, rank = dimensions.length): Buffer {
  const header = Buffer.alloc(4 + 4 * dimensions.length)
  header[2] = type
  header[3] = rank
  dimensions.forEach((dimension, index) => {
    header.writeUInt32BE(dimension, 4 + 4 * index)
  })
  return Buffer.concat([header, Uint8Array.from(data)])
}

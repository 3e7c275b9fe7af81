import { writeFileDurably } from '../files/durable-file'
import type { GreyPicture } from './grey-picture'
import { loadSharp } from './load-sharp'

/** The most pixels that libvips draws by default: 16383 x 16383. */
export const MAX_PIXELS = 0x3fff * 0x3fff

/**
 * Writes a picture as a PNG file of one channel, completely or not at all.
 *
 * @throws TorchRnnError `ERR_FILE_SYSTEM` when it cannot be written, `ERR_LIBRARY_LOAD` when sharp does not load.
 */
export async function writePng(path: string, { width, height, pixels }: GreyPicture): Promise<void> {
  const sharp = await loadSharp()
  const image = sharp(pixels, { raw: { width, height, channels: 1 } }).toColourspace('b-w')
  await writeFileDurably(path, await image.png().toBuffer())
}

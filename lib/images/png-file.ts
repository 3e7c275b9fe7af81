import { TorchRnnError } from '../errors'
import { writeFileDurably } from '../files/durable-file'
import { describeRefusal } from '../host/permissions'
import type { GreyPicture } from './grey-picture'

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

const INSTALL = 'Run npm install --include=optional sharp.'

/** Loads sharp when a picture is drawn, not before: other commands start faster, and work where sharp has no binary. */
async function loadSharp() {
  try {
    return (await import('sharp')).default
  } catch (cause) {
    const refusal = describeRefusal(cause)
    const reason = refusal === undefined ? '' : `: ${refusal.problem}`
    const message = `Cannot draw pictures: the npm package sharp does not load${reason}. ${refusal?.advice ?? INSTALL}`
    throw new TorchRnnError('ERR_LIBRARY_LOAD', message, { cause })
  }
}

import { loadSharp } from '../images/load-sharp'

/** Twice as many pixels in each direction as the picture's own size, which sharp draws at 72: for dense screens and for print. */
const DENSITY = 144

/**
 * A picture of this package as PNG. It must be a light or a dark one: whatever draws it here asks nobody what they prefer.
 *
 * @throws TorchRnnError `ERR_LIBRARY_LOAD` when sharp does not load.
 */
export async function toPng(svg: string): Promise<Uint8Array> {
  const sharp = await loadSharp()
  // Without limits on sizes, since it comes from here: heat maps may be long.
  return await sharp(Buffer.from(svg), { density: DENSITY, unlimited: true }).png().toBuffer()
}

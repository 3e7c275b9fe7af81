import { TorchRnnError } from '../errors'
import { describeRefusal } from '../host/permissions'

const SHARP: string = 'sharp'
const INSTALL = 'Run npm install --include=optional sharp.'

/** Loads sharp when a picture is drawn or read, not before: other commands start faster, and work where sharp has no binary. */
export async function loadSharp() {
  try {
    // By a variable: bundlers follow a name that they see, and fail at the native parts.
    return ((await import(SHARP)) as { default: typeof import('sharp') }).default
  } catch (cause) {
    const refusal = describeRefusal(cause)
    const reason = refusal === undefined ? '' : `: ${refusal.problem}`
    const message = `Cannot draw or read pictures: the npm package sharp does not load${reason}. ${refusal?.advice ?? INSTALL}`
    throw new TorchRnnError('ERR_LIBRARY_LOAD', message, { cause })
  }
}

import { loadLibtorch } from '../model/load-libtorch'
import type { OPTIONS } from '../options/options'
import type { Resolved } from '../options/specs'

/** After this time, the user is told what the program waits for. */
const NOTICE_MS = 2000

/** Loads libtorch before the first model, so that Ctrl-C works and the user learns what takes long: the trial of a libtorch with CUDA. */
export async function waitForLibtorch({ json, quiet }: Resolved<typeof OPTIONS.reporting>, stop: AbortSignal): Promise<void> {
  const notice = setTimeout(() => {
    if (!json && !quiet) process.stderr.write('Trying libtorch in another process first, which takes a while. Success is remembered.\n')
  }, NOTICE_MS)
  try {
    await loadLibtorch({ signal: stop })
  } finally {
    clearTimeout(notice)
  }
}

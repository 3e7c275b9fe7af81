import { usableCores } from '../model/usable-cores'
import type { Reporter } from './reporter'

/** Warns of more threads than usable cores. @param threads - What the user asked for; 0 is never too many. */
export function warnOfThreads(threads: number, device: string, reporter: Reporter): void {
  const cores = usableCores()
  if (device !== 'cpu' || threads <= cores) return
  const allowed = `${cores} ${cores === 1 ? 'core' : 'cores'}`
  reporter.warning(`--threads ${threads}: this program may use ${allowed}. More threads than cores make it slower.`)
}

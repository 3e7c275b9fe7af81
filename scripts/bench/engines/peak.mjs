/** How fast the processor multiplies and adds at most, by the loops of scripts/bench/peak. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { setUp } from '../../bootstrap/set-up.mjs'
import { fmaPeak } from '../../bootstrap/steps/native.mjs'
import { BenchError } from '../bench-error.mjs'
import { start } from '../processes.mjs'

const MILLISECONDS = 200

/**
 * Builds the program.
 *
 * @returns {Promise<string[]>} The loops that it can run here: the instruction sets, fastest first, each before its other loops (`avx512-loads`). None
 *   on Windows, whose compiler knows no GNU assembly.
 */
export async function peakLoops() {
  if (process.platform === 'win32') return []
  await setUp([fmaPeak])
  return execFileSync(fmaPeak.program, { encoding: 'utf8' }).split('\n').filter(Boolean)
}

/** GFLOP/s of a loop in so many threads at the same time. */
export async function measureLoop(loop, threads) {
  const args = [loop, String(threads), String(MILLISECONDS)]
  const child = start(fmaPeak.program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const [answer, [code]] = await Promise.all([text(child.stdout), once(child, 'close')])
  const rate = Number(answer)
  if (code !== 0 || !(rate > 0)) throw new BenchError(`The calibration for ${loop} ended with ${code}; its own message is above.`)
  return rate
}

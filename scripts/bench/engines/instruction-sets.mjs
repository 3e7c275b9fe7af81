/** The instruction sets that the fused engine can be told to use. */
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { BenchError } from '../bench-error.mjs'
import { start } from '../processes.mjs'
import { ADDON_LOOP } from './contestants.mjs'

/** As TORCH_RNN_MNIST_CPU names them, fastest first. */
export const INSTRUCTION_SETS = ['avx512', 'avx2', 'neon', 'portable', 'portable16']
/** For processors without the others, and for tests. They are measured when they are asked for. */
const FOR_ANY_PROCESSOR = ['portable', 'portable16']

/** What a model says when it may not use this instruction set; undefined when it may. */
async function refusal(instructionSet) {
  const env = { ...process.env, TORCH_RNN_MNIST_CPU: instructionSet }
  const setting = JSON.stringify({ engine: 'fused', threads: 1 })
  const child = start(process.execPath, [ADDON_LOOP, setting], { env, stdio: ['ignore', 'ignore', 'pipe'] })
  const [message, [code]] = await Promise.all([text(child.stderr), once(child, 'close')])
  // Of the report of an uncaught error, the line with its message.
  return code === 0 ? undefined : (message.split('\n').find((line) => /^\S*Error\b/.test(line)) ?? message)
}

/**
 * Those of the asked ones that addon and processor have; none asked: all that are for certain processors, else the portable one.
 *
 * @param {string[] | undefined} asked
 */
export async function chooseInstructionSets(asked) {
  const candidates = asked ?? INSTRUCTION_SETS.filter((name) => !FOR_ANY_PROCESSOR.includes(name))
  const refusals = await Promise.all(candidates.map(refusal))
  const usable = candidates.filter((_, index) => refusals[index] === undefined)
  const refused = refusals.find((message) => message !== undefined)
  if (asked !== undefined && refused !== undefined)
    throw new BenchError(`Expected instruction sets that this machine has for --instruction-sets:\n${refused}`)
  if (usable.length > 0) return usable
  const portable = await refusal('portable')
  if (portable === undefined) return ['portable']
  throw new BenchError(`Expected a fused engine that works on this machine, but:\n${portable}`)
}

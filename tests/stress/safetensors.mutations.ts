/** `npm run test:mutations -- [seed]`: a million damaged safetensors files. Each is refused, or read as what it says. */
import fc from 'fast-check'
import { damage, goodFiles, readOrRefuse } from '../support/damaged-safetensors'

const RUNS = 1_000_000
/** So many are made of each good file, because that takes longer than to damage it. */
const PER_FILE = 10
const REPORT_EVERY = 100_000
/** Far above the milliseconds that a small file takes, also on a busy machine. */
const LIMIT_MS = 2000
const SEED = Number(process.env['MUTATIONS_SEED'] ?? '1')

test(`${RUNS} damaged files, seed ${SEED}`, () => {
  let [tried, accepted, slowest] = [0, 0, 0]
  const tryOne = (file: Buffer) => {
    const started = performance.now()
    if (readOrRefuse(file) !== undefined) accepted += 1
    const duration = performance.now() - started
    if (duration > LIMIT_MS) throw new Error(`${duration} ms for ${file.length} bytes`)
    slowest = Math.max(slowest, duration)
    tried += 1
    if (tried % REPORT_EVERY > 0) return
    const megabytes = (process.memoryUsage().rss / 1e6).toFixed(0)
    process.stderr.write(`${tried} files, seed ${SEED}: ${accepted} read, slowest ${slowest.toFixed(1)} ms, ${megabytes} MB\n`)
  }
  const mutations = fc.array(damage, { minLength: PER_FILE, maxLength: PER_FILE })
  const property = fc.property(goodFiles, mutations, (good, all) => {
    for (const mutate of all) tryOne(mutate(good))
  })
  Error.stackTraceLimit = 10 // Node's own limit. Jest's is 100, which would take half of the time.
  fc.assert(property, { numRuns: RUNS / PER_FILE, seed: SEED })
  expect(tried).toBe(RUNS)
  expect(accepted).toBeGreaterThan(RUNS / 100) // Both happen often.
  expect(accepted).toBeLessThan(RUNS * 0.9)
}, 600_000)

/**
 * Two hundred times `kill -9`: runs are killed while they compute, write, sync, rename and prune, and go on each time. No checkpoint that was
 * there is ever lost, and each run ends as one that was never stopped, byte for byte.
 */
import { readFileSync } from 'node:fs'
import { TINY_RUN, useCommandLine } from '../support/command-line'
import { KilledRun, PLACES, type Place, statesOf } from '../support/killed-runs'

const { path, succeed } = useCommandLine()

const KILLS = 200
/** Runs that are killed at the same time, one on each core of a small machine. */
const WORKERS = 2
/** Kills of one run, before it may end. */
const KILLS_OF_A_RUN = 20
const ARGS = [
  ...[...TINY_RUN, '--epochs', '40', '--checkpoint-every', '4b', '--ema-decay', '0.9', '--augment-shift', '1'],
  ...['--validation-split', '50', '--schedule', 'step'],
]
/** The latest visit of each place at which a program is killed, or the latest ms. A program takes two locks. */
const LATEST: Readonly<Record<Place, number>> = {
  ...{ write: 5, sync: 5, rename: 5, renamed: 5, 'sync of the folder': 5 },
  ...{ prune: 3, lock: 2, computing: 60 },
}

/** The same kills in every run of this script: Mulberry32, by Tommy Ettinger. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

async function expectAsWhole(run: string): Promise<void> {
  for (const name of ['metrics.jsonl', 'metrics.csv', 'model.safetensors']) {
    expect([name, readFileSync(path(run, name), 'utf8')]).toEqual([name, readFileSync(path('whole', name), 'utf8')])
  }
  expect(await statesOf(path(run))).toEqual(await statesOf(path('whole')))
}

test('runs that are killed two hundred times go on, and end as if nothing had happened', async () => {
  await succeed([...ARGS, '--run', 'whole', '--quiet'])
  const done = new Map<Place, number>(PLACES.map((place) => [place, 0]))
  let left = KILLS
  let runs = 0
  const work = async (worker: number): Promise<void> => {
    const random = randomNumbers(worker)
    for (let index = 0; left > 0; index += 1) {
      const name = `run-${worker}-${index}`
      const run = new KilledRun(path(), name)
      await run.begin(ARGS)
      for (let kills = 0; kills < KILLS_OF_A_RUN && left > 0; kills += 1) {
        const place = PLACES[random(PLACES.length)] as Place
        left -= 1 // Now already, because the other worker counts, too.
        if (await run.kill({ place, count: 1 + random(LATEST[place]) })) {
          done.set(place, (done.get(place) ?? 0) + 1)
          continue
        }
        left += 1
        break // The run is complete.
      }
      await run.finish()
      await expectAsWhole(name)
      runs += 1
    }
  }
  await Promise.all(Array.from({ length: WORKERS }, (_, worker) => work(worker + 1)))
  const counts = Array.from(done, ([place, count]) => `${place} ${count}`).join(', ')
  process.stderr.write(`Killed ${KILLS} times in ${runs} runs: ${counts}\n`)
  expect(Array.from(done.values()).reduce((sum, count) => sum + count)).toBe(KILLS)
  for (const [place, count] of done) expect([place, count >= 10]).toEqual([place, true])
}, 290_000)

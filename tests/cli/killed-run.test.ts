/** A run that is killed in the middle of its work on files loses no checkpoint. The script test:kill does so two hundred times. */
import { readdirSync, readFileSync } from 'node:fs'
import { TINY_RUN, useCommandLine } from '../support/command-line'
import { KilledRun, PLACES, statesOf } from '../support/killed-runs'
import { testOnPosix } from '../support/needs'

const { path, succeed } = useCommandLine()

testOnPosix('SIGKILL')('a run that is killed at each place goes on, and ends as one that was never stopped', async () => {
  const args = [...TINY_RUN, '--ema-decay', '0.9', '--checkpoint-every', '4b', '--epochs', '12']
  await succeed([...args, '--run', 'whole', '--quiet'])
  const run = new KilledRun(path(), 'run')
  await run.begin(args)
  // A second visit, where the first one is of another file than a checkpoint.
  for (const place of PLACES) expect([place, await run.kill({ place, count: 2 })]).toEqual([place, true])
  await run.finish()
  for (const name of ['metrics.jsonl', 'metrics.csv', 'model.safetensors']) {
    expect([name, readFileSync(path('run', name), 'utf8')]).toEqual([name, readFileSync(path('whole', name), 'utf8')])
  }
  expect(await statesOf(path('run'))).toEqual(await statesOf(path('whole')))
  for (const folder of ['run', 'run/checkpoints']) {
    expect(readdirSync(path(folder)).filter((name) => /tmp|lock/.test(name))).toEqual([]) // What was left by the killed processes is gone.
  }
})

/**
 * How late the event loop is while a model trains on another thread: percentiles of the delay of a 1 ms timer, alternating with equally long
 * times without training. The promise is a 99th percentile of at most 10 ms, with progress events every ten batches.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { Command } from 'commander'
import { ImageRNN, loadMnist } from '../../dist/index.mjs'
import { describeMachine } from './machine.mjs'
import { inTurns, spread } from './measure.mjs'
import { engineOption, jsonOption, roundsOption } from './options.mjs'
import { checkResultsFile, showSpread, writeResults } from './report.mjs'

const PROMISED_P99_MS = 10
const TIMER_MS = 1
/** Long enough for some thousand timers. */
const SAMPLES = 20_000

async function measure(work) {
  const histogram = monitorEventLoopDelay({ resolution: TIMER_MS })
  histogram.enable()
  const started = performance.now()
  await work()
  histogram.disable()
  const [p50, p99, max] = [histogram.percentile(50), histogram.percentile(99), histogram.max].map((nanoseconds) => nanoseconds / 1e6)
  return { p50, p99, max, seconds: (performance.now() - started) / 1000 }
}

function show(name, { p50, p99, max }) {
  return `${name}: median ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms, largest ${max.toFixed(1)} ms`
}

/** Trains once over the data. Returns how late the loop was and how many progress events came. */
async function measureTraining(model, data) {
  let events = 0
  const onBatch = () => {
    events += 1
  }
  const measured = await measure(() => model.train(data, { epochs: 1, onBatch }))
  return { ...measured, events }
}

function rowsOf(results) {
  const columns = ({ p50, p99, max }) => [p50, p99, max]
  const rows = results.map(({ name, rounds }) => [
    name,
    ...[0, 1, 2].map((column) => showSpread(spread(rounds.map((round) => columns(round)[column])), 2)),
  ])
  return [['delay of a 1 ms timer, ms', 'median', '99th percentile', 'largest'], ...rows]
}

async function run(options) {
  checkResultsFile(options.json)
  const machine = await describeMachine()
  const { train } = await loadMnist()
  const data = train.slice(0, SAMPLES)
  const model = new ImageRNN({ device: 'cpu', engine: options.engine })
  console.log(`Engine ${model.engine}, ${await model.threadCount()} threads; a timer of ${TIMER_MS} ms`)
  let seconds = 0
  const contestants = [
    {
      name: 'training',
      warmUp: () => model.train(train.slice(0, 1280), { epochs: 1 }), // Loads libtorch as well.
      measure: async () => {
        const training = await measureTraining(model, data)
        seconds = training.seconds
        return training
      },
    },
    { name: 'idle', measure: () => measure(() => delay(seconds * 1000)) },
  ]
  const [trainings, idles] = await inTurns(options.rounds, contestants, (round, [training, idle]) => {
    console.log(`${round}: ${show(`training (${training.events} progress events)`, training)}; ${show('idle', idle)}`)
  })
  const p99 = Math.max(...trainings.map((training) => training.p99))
  console.log(
    `Largest p99 while training: ${p99.toFixed(2)} ms; promised: at most ${PROMISED_P99_MS} ms${p99 <= PROMISED_P99_MS ? '' : ' - broken'}.`,
  )
  const measured = [
    { name: `while engine ${model.engine} trains`, rounds: trainings },
    { name: 'idle', rounds: idles },
  ]
  writeResults(options.json, { benchmark: 'event-loop', machine, options, measured, tables: [rowsOf(measured)] })
  model.dispose()
}

export function eventLoopCommand() {
  return new Command('event-loop')
    .summary('how late the event loop is while a model trains, against an idle process')
    .addOption(engineOption())
    .addOption(roundsOption(3))
    .addOption(jsonOption())
    .action(run)
}

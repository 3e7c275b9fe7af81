/** Shows how far an epoch is: a bar on a terminal, a plain line now and then elsewhere. Always on stderr, so that stdout holds results. */
import { Format, type GenericFormatter, Presets, SingleBar } from 'cli-progress'
import type { BatchEvent } from '../training/events'
import { DEFAULT_COLUMNS } from './table'

export interface Progress {
  show(event: BatchEvent): void
  /** Makes room for other output; the next event shows the progress again. */
  clear(): void
}

/** Between two plain lines; an epoch takes about ten. */
const LINE_INTERVAL_MS = 5000
const MAX_BAR_COLUMNS = 40

/** The way that suits what stderr is. */
export function createProgress(): Progress {
  return process.stderr.isTTY ? new ProgressBar() : new ProgressLines()
}

class ProgressBar implements Progress {
  #bar: SingleBar | undefined

  show(event: BatchEvent): void {
    this.#bar ??= startBar(event)
    this.#bar.update(event.batch, { text: describe(event) })
  }

  clear(): void {
    this.#bar?.stop()
    this.#bar = undefined
  }
}

function startBar(event: BatchEvent): SingleBar {
  const options = { stream: process.stderr, format: formatBar, clearOnComplete: true, gracefulExit: false, fps: 10 }
  const bar = new SingleBar(options, Presets.shades_classic)
  bar.start(event.batches, 0, { text: describe(event) })
  return bar
}

/** Gives the bar the columns that the text leaves. */
const formatBar: GenericFormatter = (options, parameters, payload) => {
  const columns = (process.stderr.columns ?? DEFAULT_COLUMNS) - 1
  const text = (payload as { text: string }).text
  const barsize = Math.min(MAX_BAR_COLUMNS, columns - text.length - 1)
  return barsize < 5 ? text.slice(0, columns) : `${Format.BarFormat(parameters.progress, { ...options, barsize })} ${text}`
}

class ProgressLines implements Progress {
  #lastLine = performance.now()

  show(event: BatchEvent): void {
    if (performance.now() - this.#lastLine < LINE_INTERVAL_MS) return
    process.stderr.write(`${describe(event)}\n`)
    this.#lastLine = performance.now()
  }

  clear(): void {
    this.#lastLine = performance.now() // Other output tells as well that it is alive.
  }
}

function describe({ epoch, epochs, batch, batches, samples, trainLoss, trainAccuracy, samplesPerSecond }: BatchEvent): string {
  const share = batch / batches
  const samplesLeft = (samples / share) * (epochs - epoch + 1 - share)
  const accuracy = (trainAccuracy * 100).toFixed(1)
  const left = formatDuration(samplesLeft / samplesPerSecond)
  return `${epoch}/${epochs} ${Math.floor(share * 100)}% loss ${trainLoss.toFixed(3)} acc ${accuracy}% ${Math.round(samplesPerSecond)}/s ${left} left`
}

/** Seconds as people read them: "8s", "3m 05s", "2h 07m". */
export function formatDuration(seconds: number): string {
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole}s`
  const [unit, large, small] = whole < 3600 ? (['s', 'm', 1] as const) : (['m', 'h', 60] as const)
  const parts = Math.floor(whole / small)
  return `${Math.floor(parts / 60)}${large} ${String(parts % 60).padStart(2, '0')}${unit}`
}

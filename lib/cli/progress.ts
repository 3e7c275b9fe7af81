/** Shows how far an epoch is: as a bar in a terminal, else as a plain line now and then. On stderr, because stdout is for results. */
import { Format, type GenericFormatter, Presets, SingleBar } from 'cli-progress'
import type { BatchEvent } from '../training/events'
import { formatDuration } from './numbers'
import { columnsOf } from './terminal'

export interface Progress {
  /** @param text - What it says. Default: how far the training is. */
  show(event: BatchEvent, text?: string): void
  /** Takes the progress off the screen, to make room for other output. The next event shows it again. */
  clear(): void
}

/** Time between two plain lines. */
const LINE_INTERVAL_MS = 5000
const MAX_BAR_COLUMNS = 40

/** A bar where stderr is a terminal, else plain lines. */
export function createProgress(): Progress {
  return process.stderr.isTTY ? new ProgressBar() : new ProgressLines()
}

class ProgressBar implements Progress {
  #bar: SingleBar | undefined

  show(event: BatchEvent, text = describe(event)): void {
    this.#bar ??= startBar(event, text)
    this.#bar.update(event.batch, { text })
  }

  clear(): void {
    this.#bar?.stop()
    this.#bar = undefined
  }
}

function startBar(event: BatchEvent, text: string): SingleBar {
  const options = { stream: process.stderr, format: formatBar, clearOnComplete: true, gracefulExit: false, fps: 10 }
  const bar = new SingleBar(options, Presets.shades_classic)
  bar.start(event.batches, 0, { text })
  return bar
}

/** Puts the bar before the text, as wide as the text leaves room for. */
const formatBar: GenericFormatter = (options, parameters, payload) => {
  const columns = columnsOf(process.stderr) - 1
  const text = (payload as { text: string }).text
  const barsize = Math.min(MAX_BAR_COLUMNS, columns - text.length - 1)
  return barsize < 5 ? text.slice(0, columns) : `${Format.BarFormat(parameters.progress, { ...options, barsize })} ${text}`
}

class ProgressLines implements Progress {
  #lastLine = performance.now()

  show(event: BatchEvent, text = describe(event)): void {
    if (performance.now() - this.#lastLine < LINE_INTERVAL_MS) return
    process.stderr.write(`${text}\n`)
    this.#lastLine = performance.now()
  }

  clear(): void {
    this.#lastLine = performance.now() // Other output, too, shows that the program is at work.
  }
}

function describe({ epoch, epochs, batch, batches, samples, trainLoss, trainAccuracy, samplesPerSecond }: BatchEvent): string {
  const share = batch / batches
  const samplesLeft = (samples / share) * (epochs - epoch + 1 - share)
  const accuracy = (trainAccuracy * 100).toFixed(1)
  const left = formatDuration(samplesLeft / samplesPerSecond)
  return `${epoch}/${epochs} ${Math.floor(share * 100)}% loss ${trainLoss.toFixed(3)} acc ${accuracy}% ${Math.round(samplesPerSecond)}/s ${left} left`
}

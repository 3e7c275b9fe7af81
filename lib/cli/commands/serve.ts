import { inspect } from 'node:util'
import type { Command } from 'commander'
import { TorchRnnError } from '../../errors'
import { showPath } from '../../files/regular-file'
import { parameterCount } from '../../model/architecture'
import { findBundledModel } from '../../model/bundled-model'
import { ImageRNN } from '../../model/image-rnn'
import type { OptionTable, Resolved } from '../../options/specs'
import type { NamedModel } from '../../server/digit-reader'
import { READER_PLACEMENT } from '../../server/reader-placement'
import { defineCommand, SHARED_OPTIONS } from '../define-command'
import { describeNetwork, type StartEvent, startOf } from '../events'
import { BUNDLED_MODEL, checkReadsDigits, findReadingModel, modelOption } from '../open-model'
import type { Reporter } from '../reporter'
import { waitForLibtorch } from '../wait-for-libtorch'

const SERVE_OPTIONS = {
  ...modelOption(BUNDLED_MODEL),
  train: { kind: 'boolean', default: false, summary: "start a training at once, with the tutorial's options" },
  port: {
    kind: 'integer',
    min: 0,
    max: 65535,
    optional: true,
    summary: 'where the page is; 0: any free port',
    whenAbsent: '8028, or any free one',
  },
  host: {
    kind: 'text',
    pattern: /^[\w.:-]{1,253}$/,
    expected: 'an address or a name of this machine',
    placeholder: 'address',
    default: '127.0.0.1',
    summary: 'where to listen: by default, only this machine can see the page',
  },
  ...SHARED_OPTIONS,
} as const satisfies OptionTable

const EXAMPLES = `
Examples:
  rnn-mnist-train serve                               then open the link that it prints, and draw a digit
  rnn-mnist-train serve --train                       the same, while a network learns to read
  rnn-mnist-train serve --model digits.safetensors --port 8080
  rnn-mnist-train serve --host 0.0.0.0                for all machines of the network: they can start trainings, too
  rnn-mnist-train serve --json                        the first line has the address, in "url"

Draw a digit, and see row by row what the network sees, what it remembers and what it thinks. Start a training, watch it learn, and let the
trained network read. A training in the page is a run like any other, in runs/. --device, --engine, --threads, --precision, --seed and --data are
those of the trainings; drawings are read on the CPU, by one thread.

Ctrl-C ends it. A training that runs then is stopped and saved, and goes on with: rnn-mnist-train --resume`

/** `serve`: the live page. */
export function serveCommand(): Command {
  return defineCommand({
    name: 'serve',
    summary: 'a page to draw digits on, to look inside the network, and to watch it learn',
    description: 'Serves a page to the browser on this machine: draw a digit and see what the network makes of it, or watch a training.',
    options: SERVE_OPTIONS,
    details: EXAMPLES,
    work: serve,
  })
}

type ServeFlags = Resolved<typeof SERVE_OPTIONS>

async function serve(flags: ServeFlags, reporter: Reporter, stop: AbortSignal): Promise<void> {
  // Loaded here, so that other commands start without them.
  const { LiveServer } = require('../../server/live-server') as typeof import('../../server/live-server')
  const { lazyData, trainInPage } = require('../serving/train-in-page') as typeof import('../serving/train-in-page')
  const data = lazyData(flags, reporter, stop)
  if (flags.data !== undefined || flags.trainImages !== undefined) await data() // What is wrong with them is told now, not with the first training.
  await waitForLibtorch(flags, stop)
  const first = await openFirst(flags, reporter)
  const place = { flags, reporter, data, reader: () => server.reader }
  const server = await LiveServer.start({
    host: flags.host,
    port: flags.port,
    first,
    train: (settings, board, stopTraining) => trainInPage(place, settings, board, stopTraining),
    report: (error) => reporter.warning(`The page has met a mistake in this program: ${inspect(error)}`),
  }).catch((error: unknown) => {
    first.model.dispose()
    throw error
  })
  try {
    reporter.result(startEvent(first, server.url), (event) => describeStart(event, first.name))
    warnOfHost(flags.host, reporter)
    if (flags.train) server.desk.start({})
    await aborted(stop)
  } finally {
    await server.close()
  }
}

/** A network that reads, and its file. */
interface FirstModel extends NamedModel {
  readonly file: string
}

/** The network that reads until another one is trained: that of the flags, the newest run's, or the one that comes with this package. */
async function openFirst({ model: named }: ServeFlags, reporter: Reporter): Promise<FirstModel> {
  const { file, isBundled } = await findReadingModel(named)
  const model = await ImageRNN.load(file, READER_PLACEMENT)
  try {
    checkReadsDigits(model, file)
    return { model, name: isBundled ? BUNDLED_MODEL : showPath(file), file }
  } catch (error) {
    model.dispose()
    if (named !== undefined || !(error instanceof TorchRnnError)) throw error
    reporter.warning(`${error.message} The model that comes with this package is used.`)
  }
  const bundled = findBundledModel()
  return { model: await ImageRNN.load(bundled, READER_PLACEMENT), name: BUNDLED_MODEL, file: bundled }
}

function startEvent({ model, file }: FirstModel, url: string): StartEvent {
  const { device, engine, instructionSet, options } = model
  const facts = { device, engine, instructionSet, threads: options.threads, parameters: parameterCount(options), options, url }
  return startOf('serve', { ...facts, model: file })
}

function describeStart(event: StartEvent, name: string): string {
  return `${describeNetwork(event)}Model: ${name}\n\nOpen ${event.url}\nCtrl-C ends it.\n`
}

function warnOfHost(host: string, reporter: Reporter): void {
  if (host === 'localhost' || host === '::1' || /^127\./.test(host)) return
  reporter.warning(`--host ${host}: whoever can reach this machine can use the page, and start trainings on it.`)
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

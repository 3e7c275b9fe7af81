import { join } from 'node:path'
import { Argument, type Command } from 'commander'
import { MODEL_PICTURES, type ModelPicture, type Subject } from '../../charts/model-pictures'
import { toPng } from '../../charts/png-picture'
import { THEMES } from '../../charts/theme'
import { plotTrainingCurves } from '../../charts/training-curves'
import type { ImageDataset } from '../../data/dataset'
import { TorchRnnError, unexpected } from '../../errors'
import { checkWritable, writeFileDurably } from '../../files/durable-file'
import { makeFolder } from '../../files/folders'
import { showPath } from '../../files/regular-file'
import type { Resolved } from '../../options/specs'
import { openRun } from '../../runs/find-runs'
import { curveOf } from '../../runs/run-curve'
import { MODEL_FILE } from '../../runs/run-files'
import type { RunRecord } from '../../runs/run-record'
import { defineCommand, SHARED_OPTIONS } from '../define-command'
import { doneSince, startOf } from '../events'
import { WrongUsage } from '../exit'
import { withDataOf } from '../load-data'
import { modelOption, withModel } from '../open-model'
import { RUNS_OPTIONS } from '../open-runs'
import type { Reporter } from '../reporter'

/** A picture was written. */
export interface PictureEvent {
  type: 'picture'
  /** What it shows. */
  picture: Picture
  file: string
  bytes: number
}

const PICTURES = ['curves', ...(Object.keys(MODEL_PICTURES) as ModelPicture[])] as const
type Picture = 'curves' | ModelPicture

const PLOT_OPTIONS = {
  run: {
    kind: 'texts',
    pattern: /./,
    expected: 'a run',
    placeholder: 'run',
    optional: true,
    summary: 'a run, by the name of its folder or by its path; for curves, repeatable',
    whenAbsent: 'the newest',
  },
  runs: RUNS_OPTIONS.runs,
  ...modelOption(),
  image: { kind: 'integer', min: 0, optional: true, summary: 'the test image to show', whenAbsent: '0; gradients: many' },
  count: { kind: 'integer', min: 1, max: 120, default: 24, summary: 'mistakes to show' },
  output: {
    kind: 'path',
    of: 'file',
    default: '.',
    summary: 'the picture, if the name ends in .svg or .png, else a folder for all of them',
  },
  pictureFormat: {
    kind: 'choice',
    choices: ['svg', 'png'],
    optional: true,
    summary: 'of the pictures',
    whenAbsent: 'as --output, else svg',
  },
  theme: { kind: 'choice', choices: THEMES, default: 'auto', summary: 'colours; auto is light, in SVG dark for viewers who prefer that' },
  ...SHARED_OPTIONS,
} as const

const EXAMPLES = `
Pictures:
  curves       loss, accuracy and learning rate by epoch, of one or more runs
  confusion    which classes are taken for which
  mistakes     the test images that the model is most sure of, and wrong
  states       the hidden states while it reads an image: a heat map for each layer, step by neuron
  thinking     the probability of each class after each row of an image: what it thinks so far
  gradients    how much each step matters for the answer: who learns from how far back
  weights      the recurrent matrices
  eigenvalues  of the recurrent matrices, with the unit circle

Examples:
  rnn-mnist-train plot curves                         the newest run: curves.svg
  rnn-mnist-train plot curves --run small --run large --output both.png
  rnn-mnist-train plot thinking --image 8 --theme dark --output thinking.svg
  rnn-mnist-train plot mistakes confusion --model digits.safetensors --output pictures
  rnn-mnist-train plot states weights --picture-format png --json

All but curves are of one model: that of --model, else that of the run. The images are those of --data, else those of the run. Only the
pictures of a model need libtorch. \`runs report\` puts all pictures of a run on one page.`

/** `plot`: draws what a training did, and what is inside of a model. */
export function plotCommand(): Command {
  const command: Command = defineCommand({
    name: 'plot',
    summary: 'draw pictures of a training and of a network',
    description: 'Draws pictures of trainings, and of what a model does with the images of the test set, as SVG or PNG.',
    options: PLOT_OPTIONS,
    details: EXAMPLES,
    work: (flags, reporter, stop) => plot(flags, [...new Set(command.args as Picture[])], reporter, stop),
  })
  return command.addArgument(new Argument('<what...>', 'the pictures').choices(PICTURES))
}

type PlotFlags = Resolved<typeof PLOT_OPTIONS>

/** Where a picture goes. */
interface Target {
  readonly folder: string | undefined
  readonly format: 'svg' | 'png'
  fileOf(picture: Picture): string
}

async function plot(flags: PlotFlags, pictures: readonly Picture[], reporter: Reporter, stop: AbortSignal): Promise<void> {
  const started = performance.now()
  const target = targetOf(flags, pictures)
  const ofModel = pictures.filter((picture): picture is ModelPicture => picture !== 'curves')
  const runs = await openNamed(flags, pictures)
  if (target.folder !== undefined) await makeFolder(target.folder)
  for (const picture of pictures) await checkWritable(target.fileOf(picture))
  // What is a picture for a printer asks nobody what they prefer.
  const theme = target.format === 'png' && flags.theme === 'auto' ? 'light' : flags.theme
  const report = async (picture: Picture, svg: string) => {
    stop.throwIfAborted()
    const bytes = target.format === 'png' ? await toPng(svg) : Buffer.from(svg)
    const file = target.fileOf(picture)
    await writeFileDurably(file, bytes)
    reporter.result<PictureEvent>({ type: 'picture', picture, file, bytes: bytes.length }, describePicture)
  }
  const drawCurves = async () => {
    if (pictures.includes('curves')) await report('curves', await plotTrainingCurves(runs.map(curveOf), { theme }))
  }
  if (ofModel.length === 0) {
    reporter.step(startOf('plot', { options: optionsOf(flags, pictures) }))
    await drawCurves()
  } else {
    await withModel(sourceOf(flags, runs), { command: 'plot', withoutModel: 'refuse' }, reporter, stop, async ({ model, test }) => {
      checkImage(flags.image, test)
      await drawCurves()
      const subject: Subject = { model, test, theme, sample: flags.image, count: flags.count, signal: stop }
      for (const picture of ofModel) await report(picture, await MODEL_PICTURES[picture](subject))
    })
  }
  reporter.step(doneSince(started))
}

/** @throws CommandFailure `ERR_USAGE` for flags that contradict each other. */
function targetOf({ output, pictureFormat: format }: PlotFlags, pictures: readonly Picture[]): Target {
  const ending = /\.(svg|png)$/i.exec(output)?.[1]?.toLowerCase() as Target['format'] | undefined
  if (ending === undefined) {
    const chosen = format ?? 'svg'
    return { folder: output, format: chosen, fileOf: (picture) => join(output, `${picture}.${chosen}`) }
  }
  if (pictures.length > 1) {
    throw new WrongUsage(`Expected a folder for --output, since there are ${pictures.length} pictures, but received ${showPath(output)}.`)
  }
  if (format !== undefined && format !== ending) {
    throw new WrongUsage(`Expected --picture-format ${ending} for --output ${showPath(output)} but received ${format}.`)
  }
  return { folder: undefined, format: ending, fileOf: () => output }
}

/** The runs that are named; for curves, else the newest. */
async function openNamed(flags: PlotFlags, pictures: readonly Picture[]): Promise<RunRecord[]> {
  const names: readonly (string | undefined)[] = flags.run ?? (pictures.includes('curves') ? [undefined] : [])
  if (names.length > 1 && flags.model === undefined && pictures.some((picture) => picture !== 'curves')) {
    throw new WrongUsage('Expected one --run for pictures of a model but received several. Name one, or the model with --model.')
  }
  const runs: RunRecord[] = []
  for (const name of names) runs.push(await openRun(flags.runs, name))
  return runs
}

/** The model that is meant, and its images. Of the newest run, the model is found where it was saved last, as by other commands. */
function sourceOf(flags: PlotFlags, runs: readonly RunRecord[]): PlotFlags {
  const [run] = flags.run === undefined || flags.model !== undefined ? [] : runs
  if (run === undefined) return flags
  if (!run.hasModel)
    throw new TorchRnnError('ERR_FILE_SYSTEM', `${showPath(run.path)} has no ${MODEL_FILE} yet, so there is nothing to look into.`)
  return { ...withDataOf(flags, run), model: join(run.path, MODEL_FILE) }
}

function checkImage(image: number | undefined, test: ImageDataset): void {
  if (image === undefined || image < test.length) return
  throw unexpected('ERR_INVALID_OPTION', '--image', `an integer from 0 to ${test.length - 1}`, image)
}

function optionsOf({ output, theme, format, run }: PlotFlags, pictures: readonly Picture[]): Record<string, unknown> {
  return { pictures, output, theme, ...(format === undefined ? {} : { format }), ...(run === undefined ? {} : { run }) }
}

function describePicture({ file, bytes }: PictureEvent): string {
  return `${showPath(file)} (${Math.ceil(bytes / 1000)} kB)\n`
}

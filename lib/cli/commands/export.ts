import { realpath } from 'node:fs/promises'
import type { Command } from 'commander'
import { TorchRnnError } from '../../errors'
import { showPath } from '../../files/regular-file'
import { parameterCount } from '../../model/architecture'
import { readModelFile } from '../../model/model-file'
import { writeOnnxFile } from '../../model/onnx-file'
import { ONNX_OPTIONS, OPTIONS } from '../../options/options'
import type { Resolved } from '../../options/specs'
import { requireNewestModel } from '../../runs/run-folder'
import { defineCommand } from '../define-command'
import { doneSince, type StartEvent, startOf } from '../events'
import { modelOption } from '../open-model'
import type { Reporter } from '../reporter'

/** A model was written in the format of other programs. */
export interface ExportEvent {
  type: 'export'
  format: 'onnx'
  file: string
  /** Size of the file. */
  bytes: number
  /** The model's input, by its name and shape: N images of T rows. */
  input: { name: 'images'; shape: ['N', 'T', number] }
  /** Its second input, with `--lengths`. */
  lengths?: { name: 'lengths'; shape: ['N'] }
  /** The model's output. */
  output: { name: 'logits'; shape: ['N', number] }
}

const EXPORT_OPTIONS = {
  onnx: { kind: 'path', of: 'file', required: true, summary: 'write the model to this file, in the format ONNX' },
  ...ONNX_OPTIONS,
  ...modelOption(),
  ...OPTIONS.reporting,
} as const

const EXAMPLES = `
Examples:
  rnn-mnist-train export --onnx model.onnx            the model of the newest run
  rnn-mnist-train export --onnx digits.onnx --model digits.safetensors
  rnn-mnist-train export --onnx model.onnx --json | tail -n 2 | head -n 1    names and shapes for another program

ONNX Runtime and others compute an ONNX model in browsers, on phones, and from most languages. Its input "images" are numbers from 0
(background) to 1 (ink), float32 [N, T, F]: N images of T rows of F pixels, for any N and T. Its output "logits" are scores, float32
[N, C], one for each class. With --lengths there is a second input "lengths", for sequences of different length. The export itself computes nothing, so libtorch is not needed.`

/** `export`: writes a model for other programs. */
export function exportCommand(): Command {
  return defineCommand({
    name: 'export',
    summary: 'write a model for other programs, as ONNX',
    description: 'Writes a trained model in the format ONNX, with which other programs and browsers compute.',
    options: EXPORT_OPTIONS,
    details: EXAMPLES,
    work: exportModel,
  })
}

async function exportModel({ onnx, model, lengths }: Resolved<typeof EXPORT_OPTIONS>, reporter: Reporter): Promise<void> {
  const started = performance.now()
  const source = model ?? (await requireNewestModel())
  await checkDistinct(source, onnx)
  const { architecture, classNames, state } = await readModelFile(source)
  const named = { ...architecture, ...(classNames === undefined ? {} : { classNames }) }
  const facts = { parameters: parameterCount(architecture), options: named, model: source }
  reporter.step(startOf('export', facts), describeStart)
  const bytes = await writeOnnxFile(onnx, named, state, lengths)
  const { inputSize, numClasses } = architecture
  const event: ExportEvent = {
    type: 'export',
    format: 'onnx',
    file: onnx,
    bytes,
    input: { name: 'images', shape: ['N', 'T', inputSize] },
    ...(lengths && { lengths: { name: 'lengths', shape: ['N'] } }),
    output: { name: 'logits', shape: ['N', numClasses] },
  }
  reporter.result(event, describeExport)
  reporter.step(doneSince(started))
}

/** The exported file cannot be trained further, so it must not take the place of the model. */
async function checkDistinct(source: string, target: string): Promise<void> {
  const [from, to] = await Promise.all([source, target].map((path) => realpath(path).catch(() => undefined))) // Not there: another one.
  if (from === undefined || from !== to) return
  throw new TorchRnnError(
    'ERR_INVALID_ARGUMENT',
    `${showPath(target)} is the model itself, which would be lost. Choose another name for --onnx.`,
  )
}

function describeStart({ model, parameters }: StartEvent): string {
  return `Model: ${model}, ${parameters} parameters\n`
}

function describeExport({ file, bytes, input, lengths, output }: ExportEvent): string {
  const show = ({ name, shape }: { name: string; shape: readonly (string | number)[] }) => `${name} [${shape.join(', ')}]`
  const from = [input, ...(lengths === undefined ? [] : [lengths])].map(show).join(' and ')
  return `ONNX: ${file}, ${bytes} bytes, from ${from} to ${show(output)}\n`
}

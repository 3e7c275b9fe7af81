/**
 * A trained model at work: how long an evaluation of the 10,000 test images takes, and how long a program waits for one image. Both engines of
 * this package take turns with PyTorch in Python, and for one image with ONNX Runtime on the exported model.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { ImageRNN, loadMnist } from '../../dist/index.mjs'
import { setUp } from '../bootstrap/set-up.mjs'
import { neighbourPackages } from '../bootstrap/steps/packages.mjs'
import { BenchError } from './bench-error.mjs'
import { Programs } from './engines/contestants.mjs'
import { describeMachine, findPythonIfAny } from './machine.mjs'
import { inTurns, median, percentile, ratios, spread } from './measure.mjs'
import { enginesOption, integerOption, integersOption, jsonOption, pythonOption, roundsOption, threadsOption } from './options.mjs'
import { checkResultsFile, showSpread, table, withProgress, writeResults } from './report.mjs'
import { trainSteps } from './train-steps.mjs'

const FOLDER = join(import.meta.dirname, 'inference')
/** Enough for most digits to be recognised, so that equal hits mean something. */
const TRAINED_STEPS = 100
const WARM_UP_CALLS = 50
/** How far rounding may shift the hits: an image whose two highest logits are all but equal. */
const HITS_TOLERANCE = 3

/** Writes a model that has learned a little, as safetensors and as ONNX. */
async function writeModel(folder) {
  const { train } = await loadMnist()
  const model = new ImageRNN({ device: 'cpu', seed: 1 })
  await trainSteps(model, train, TRAINED_STEPS, 128)
  const files = { safetensors: join(folder, 'model.safetensors'), onnx: join(folder, 'model.onnx') }
  await model.save(files.safetensors)
  await model.exportOnnx(files.onnx)
  model.dispose()
  return files
}

/** The programs that infer. ONNX Runtime takes part with the threads that it chooses and with one, since it is faster with one on some machines. */
function programsOf({ engines, threads }, python, { safetensors, onnx }) {
  const loop = (file, setting) => [join(FOLDER, file), JSON.stringify(setting)]
  const ours = engines.map((engine) => ({
    name: `engine ${engine}`,
    command: [process.execPath, ...loop('addon-loop.mjs', { engine, threads, file: safetensors })],
  }))
  const pytorch = { name: 'PyTorch eager, Python', command: [python, '-B', ...loop('python_loop.py', { threads, file: safetensors })] }
  const runtimes = Array.from(new Set([threads, 1]), (count) => ({
    name: `ONNX Runtime, threads: ${count === 0 ? 'as it chooses' : count}`,
    isForOne: true,
    command: [process.execPath, ...loop('onnx-loop.mjs', { threads: count, file: onnx })],
  }))
  return [...(python === undefined ? [] : [pytorch]), ...ours, ...runtimes]
}

/** The works, each with the programs that take part. */
function casesOf(programs, { batchSizes, calls }) {
  const evaluations = batchSizes.flatMap((batchSize) =>
    programs.filter(({ isForOne }) => !isForOne).map((program) => ({ program, work: 'evaluate', batchSize, question: { batchSize } })),
  )
  const ones = programs.map((program) => ({ program, work: 'one', question: { calls } }))
  return [...evaluations, ...ones]
}

async function measure(cases, rounds) {
  const programs = new Programs()
  const contestants = cases.map(({ program, work, question }) => {
    const [command, ...args] = program.command
    const ask = (other = {}) => programs.get(program.name, command, args).ask({ work, ...question, ...other })
    const name = work === 'one' ? 'one image' : `evaluation in batches of ${question.batchSize}`
    return { name: `${program.name}, ${name}`, warmUp: () => ask(work === 'one' ? { calls: WARM_UP_CALLS } : {}), measure: () => ask() }
  })
  try {
    return await inTurns(rounds, contestants)
  } finally {
    await programs.end()
  }
}

/** Throws unless all found the same. */
function checkSameAnswers(cases, answers) {
  for (const work of ['evaluate', 'one']) {
    const found = cases.flatMap((one, index) => (one.work === work ? [{ name: one.program.name, ...answers[index][0] }] : []))
    const different = found.find((one) =>
      work === 'one' ? one.class !== found[0].class : !(Math.abs(one.hits - found[0].hits) <= HITS_TOLERANCE),
    )
    if (different !== undefined)
      throw new BenchError(`Expected the same answers but ${JSON.stringify(found[0])} and ${JSON.stringify(different)} differ.`)
  }
}

function summarize(cases, answers) {
  const times = answers.map((rounds) =>
    rounds.map(({ milliseconds }) => (Array.isArray(milliseconds) ? median(milliseconds) : milliseconds)),
  )
  return cases.map(({ program, work, batchSize }, index) => {
    const others = cases.findIndex(
      (other) => other.work === work && other.batchSize === batchSize && other.program.name.startsWith('PyTorch'),
    )
    const p99 = work === 'one' ? spread(answers[index].map(({ milliseconds }) => percentile(milliseconds, 99))) : undefined
    const toPyTorch = others === -1 || others === index ? undefined : ratios(times[others], times[index])
    return { name: program.name, work, batchSize, ms: spread(times[index]), p99, toPyTorch }
  })
}

/** A table of the evaluations, and one of single images. */
function tablesOf(summary) {
  const faster = ({ toPyTorch }) => (toPyTorch === undefined ? '' : showSpread(toPyTorch, 2))
  const evaluations = summary.filter(({ work }) => work === 'evaluate')
  const ones = summary.filter(({ work }) => work === 'one')
  return [
    [
      ['10,000 images', 'batch size', 'ms', 'times as fast as PyTorch'],
      ...evaluations.map((row) => [row.name, String(row.batchSize), showSpread(row.ms, 0), faster(row)]),
    ],
    [
      ['one image', 'ms a call', 'of 100 calls, 99 within ms', 'times as fast as PyTorch'],
      ...ones.map((row) => [row.name, showSpread(row.ms, 3), showSpread(row.p99, 3), faster(row)]),
    ],
  ]
}

/** The times of single calls would make the file long. */
function withoutCalls(answers) {
  return answers.map((rounds) => rounds.map(({ milliseconds, ...rest }) => ({ ...rest, milliseconds: median([milliseconds].flat()) })))
}

async function run(options) {
  checkResultsFile(options.json)
  await setUp([neighbourPackages])
  const found = findPythonIfAny(options.python)
  const machine = await describeMachine()
  const folder = mkdtempSync(join(tmpdir(), 'rnn-mnist-bench-'))
  try {
    const files = await withProgress('training a model', () => writeModel(folder))
    const cases = casesOf(programsOf(options, found?.python, files), options)
    const answers = await measure(cases, options.rounds)
    checkSameAnswers(cases, answers)
    const summary = summarize(cases, answers)
    const tables = tablesOf(summary)
    console.log(
      `\nThreads: ${answers[0][0].threads}. Rounds: ${options.rounds}; median (smallest to largest); single images: ${options.calls} calls a round.`,
    )
    for (const rows of tables) console.log(`\n${table(rows)}`)
    const measured = cases.map(({ program, work, batchSize }, index) => ({
      name: program.name,
      work,
      batchSize,
      rounds: withoutCalls(answers)[index],
    }))
    writeResults(options.json, { benchmark: 'inference', machine, python: found, options, measured, summary, tables })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

export function inferenceCommand() {
  return new Command('inference')
    .summary('an evaluation of 10,000 images, and one image, on both engines, against PyTorch in Python and ONNX Runtime')
    .addOption(enginesOption())
    .addOption(pythonOption('a Python with torch and numpy (default: python3, if it has them)'))
    .addOption(integersOption('batch-sizes', 'images that are evaluated at once', [128, 1000], { max: 10_000 }))
    .addOption(integerOption('calls', 'calls for one image in a round', 500))
    .addOption(threadsOption())
    .addOption(roundsOption(5))
    .addOption(jsonOption())
    .action(run)
}

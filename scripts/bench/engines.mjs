/**
 * The training step of the tutorial, in turns: each engine of this package, with each instruction set, with and without the shared blank
 * prefix, on several numbers of threads; PyTorch in Python; other programs; and loops that show what the processor can do at most.
 */
import { availableParallelism } from 'node:os'
import { Command } from 'commander'
import { checkSameTraining, contestantsOf, Programs } from './engines/contestants.mjs'
import { chooseInstructionSets, INSTRUCTION_SETS } from './engines/instruction-sets.mjs'
import { peakLoops } from './engines/peak.mjs'
import { operationsOfStep, TUTORIAL } from './engines/step-operations.mjs'
import { summarize } from './engines/summary.mjs'
import { describeMachine, findPythonIfAny } from './machine.mjs'
import { inTurns } from './measure.mjs'
import {
  enginesOption,
  integerOption,
  integersOption,
  jsonOption,
  namesOption,
  peerOption,
  pythonOption,
  roundsOption,
} from './options.mjs'
import { checkResultsFile, showSpread, table, withProgress, writeResults } from './report.mjs'

const HEAD = ['', 'threads', 'ms a step', 'times as fast as PyTorch', 'as engine torch', 'GFLOP/s', '% of the FMA peak']

function rowsOf(summary) {
  const show = (values, digits) => (values === undefined ? '' : showSpread(values, digits))
  const rows = summary.map(({ name, threads, ms, toPyTorch, toTorch, gflops, ofPeak }) => {
    const rate = gflops === undefined ? '' : gflops.median.toFixed(0)
    return [name, String(threads), show(ms, 2), show(toPyTorch, 2), show(toTorch, 2), rate, show(ofPeak, 0)]
  })
  return [HEAD, ...rows]
}

/** Measures all contestants in turns. Returns them with what they measured, round by round. */
async function measure(options, machine) {
  const programs = new Programs()
  const contestants = contestantsOf(programs, options, machine)
  const firstLosses = new Map()
  const turns = contestants.map((contestant) => ({
    name: `${contestant.name}, threads: ${contestant.threads}`,
    warmUp: async () => firstLosses.set(contestant, await contestant.warmUp()),
    measure: contestant.measure,
  }))
  try {
    const measured = await inTurns(options.rounds, turns)
    const results = contestants.map((contestant, index) => {
      const { name, kind, threads, instructionSet, blankPrefix } = contestant
      const firstLoss = kind === 'peak' || kind === 'loop' ? undefined : firstLosses.get(contestant)
      return { name, kind, threads, instructionSet, blankPrefix, firstLoss, values: measured[index] }
    })
    checkSameTraining(results)
    return results
  } finally {
    await programs.end()
  }
}

async function run(options) {
  checkResultsFile(options.json)
  const loops = await peakLoops()
  const python = findPythonIfAny(options.python)
  const machine = await describeMachine()
  const hasFused = options.engines.includes('fused')
  const instructionSets = hasFused
    ? await withProgress('asking the addon for its instruction sets', () => chooseInstructionSets(options.instructionSets))
    : []
  const measured = await measure(options, { python: python?.python, instructionSets, loops })
  const operations = operationsOfStep(TUTORIAL, options.batchSize)
  const summary = summarize(measured, operations)
  const { steps, batchSize, rounds } = options
  console.log(
    `\nThe tutorial's network over all of MNIST; batch size: ${batchSize}, ${(operations / 1e9).toFixed(3)} GFLOP a step. Steps: ${steps}.`,
  )
  console.log(`Rounds: ${rounds}; median (smallest to largest), ratios and peaks within each round.\n`)
  const rows = rowsOf(summary)
  console.log(table(rows))
  writeResults(options.json, { benchmark: 'engines', machine, python, options, operations, measured, summary, tables: [rows] })
}

export function enginesCommand() {
  const cores = availableParallelism()
  return new Command('engines')
    .summary('the training step on each engine, instruction set and number of threads, against PyTorch in Python and other programs')
    .addOption(enginesOption())
    .addOption(
      namesOption('instruction-sets', 'of the fused engine (default: those of this processor)', INSTRUCTION_SETS).default(undefined),
    )
    .addOption(namesOption('blank-prefix', 'the fused engine with (on) and without (off) its shared blank prefix', ['on', 'off']))
    .addOption(integersOption('threads', 'numbers of CPU threads', Array.from(new Set([1, cores])), { max: 1024 }))
    .addOption(pythonOption('a Python with torch and numpy (default: python3, if it has them)'))
    .addOption(peerOption())
    .addOption(integerOption('steps', 'steps that are measured in a round', 60))
    .addOption(integerOption('batch-size', 'images a step', 128, { max: 65_536 }))
    .addOption(roundsOption(5))
    .addOption(jsonOption())
    .action(run)
}

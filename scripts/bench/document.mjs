/**
 * Writes results that `--json` has kept into docs/performance.md and docs/accuracy.md, and draws their plots: `npm run bench -- document
 * results/*.json`. The text around them is written by hand; each benchmark has its place between two comments. Where a document shows a
 * benchmark several times, `--section` names the place.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { Argument, Command, Option } from 'commander'
import { ROOT } from '../bootstrap/places.mjs'
import { BenchError } from './bench-error.mjs'
import { BUSY_LOAD } from './machine.mjs'
import { markdownTable } from './report.mjs'

const DOCS = join(ROOT, 'docs')
/** Those whose results are not about speed alone. */
const OF_ACCURACY = ['recipes', 'time-to-accuracy', 'saturation-and-memory']

/** Where the results of a benchmark belong. */
function documentOf(benchmark) {
  return join(DOCS, OF_ACCURACY.includes(benchmark) ? 'accuracy.md' : 'performance.md')
}

/** The comment before and after the results of a section. */
function marks(section) {
  return [`<!-- results of ${section} -->`, `<!-- end of ${section} -->`]
}

function readResults(file) {
  let results
  try {
    results = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new BenchError(`Expected a file that a benchmark wrote for --json but ${file} gave: ${error.message}.`)
  }
  const isSettingKnown = results?.machine !== undefined || results?.method !== undefined
  if (typeof results?.benchmark === 'string' && Array.isArray(results.tables) && isSettingKnown) return results
  throw new BenchError(`Expected a file that a benchmark wrote for --json, with its tables, but ${file} is none.`)
}

/** Where and with what it was measured. Results without a machine do not depend on one. */
function settingOf({ machine, python, options, method }) {
  if (machine === undefined) return method
  const { cpu, cores, memoryBytes, system, node, addon } = machine
  const [platform] = system.split(' ')
  const parts = [cpu, `${cores} cores`, `${(memoryBytes / 2 ** 30).toFixed(0)} GiB`, platform, `Node ${node}`, addon]
  const inPython = python === undefined ? '' : `; PyTorch ${python.torch} (${python.cpu}) in Python ${python.version}`
  const affected = method === undefined ? 'these figures' : 'the times'
  const busy = machine.load > BUSY_LOAD ? ` **Other programs were running meanwhile, so ${affected} are rough.**` : ''
  return `${parts.join(', ')}${inPython}. ${method ?? `Rounds: ${options.rounds}; median (smallest to largest).`}${busy}`
}

/**
 * The plots of some results: the name of the file, and what it shows.
 *
 * @returns {Promise<{ file: string, title: string, svg: string }[]>}
 */
async function plotsOf(results) {
  if (!['engines', 'sweeps'].includes(results.benchmark)) return []
  const { comparisonPlot, growthPlot } = await import('./plots.mjs') // Other measurements need no plots.
  return results.benchmark === 'engines' ? comparison(results, comparisonPlot) : growth(results, growthPlot)
}

/** With the most threads that were measured. */
function comparison({ summary }, draw) {
  const threads = Math.max(...summary.map((one) => one.threads))
  const compared = summary.filter((one) => one.threads === threads && one.toPyTorch !== undefined)
  if (compared.length === 0) return []
  const itself = { name: 'PyTorch eager, Python', kind: 'pytorch', timesAsFast: { median: 1, low: 1, high: 1 } }
  const rows = [itself, ...compared.map(({ name, kind, toPyTorch }) => ({ name, kind, timesAsFast: toPyTorch }))]
  rows.sort((one, other) => one.timesAsFast.median - other.timesAsFast.median)
  const title = `Training step of the tutorial, ${threads} threads: times as fast as PyTorch eager`
  return [{ file: 'engines.svg', title, svg: draw({ title, rows }) }]
}

/** One for each table of the sweeps. */
function growth({ summary, titles }, draw) {
  const keys = Array.from(new Set(summary.map(keyOf)))
  return keys.map((key) => {
    const rows = summary.filter((row) => keyOf(row) === key)
    const [{ sweep, batchSize }] = rows
    const title = `Time of a training step by ${titles[sweep]}${sweep === 'batch' ? '' : `, batch size ${batchSize}`}`
    return { file: `${key}.svg`, title, svg: draw({ title, axis: titles[sweep], rows }) }
  })
}

function keyOf({ sweep, batchSize }) {
  return sweep === 'batch' ? 'batch' : `${sweep}-${batchSize}`
}

/** The text of a benchmark's place in the document. */
function sectionOf(results, plots, folder) {
  const pictures = plots.map(({ file, title }) => `![${title}](${folder}/${file})`)
  return [settingOf(results), ...results.tables.map(markdownTable), ...pictures].join('\n\n')
}

/** Plots with names of their own for a section that is not the usual one of their benchmark: its plots are there, too. */
function namedFor(section, benchmark, plots) {
  if (section === undefined || section === benchmark) return plots
  return plots.map((plot) => ({ ...plot, file: plot.file === `${benchmark}.svg` ? `${section}.svg` : `${section}-${plot.file}` }))
}

/** The document with other results in this section. */
function replaceSection(text, section, content, name) {
  const [begin, end] = marks(section)
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from === -1 || to < from) throw new BenchError(`Expected the comments "${begin}" and "${end}" in ${name}.`)
  return `${text.slice(0, from + begin.length)}\n\n${content}\n\n${text.slice(to)}`
}

async function run(files, { output, section }) {
  if (section !== undefined && files.length > 1)
    throw new BenchError(`Expected one file for --section ${section} but received ${files.length}.`)
  for (const results of files.map(readResults)) {
    const document = output ?? documentOf(results.benchmark)
    const folder = document.replace(/\.md$/, '')
    const plots = namedFor(section, results.benchmark, await plotsOf(results))
    if (plots.length > 0) mkdirSync(folder, { recursive: true })
    for (const { file, svg } of plots) writeFileSync(join(folder, file), svg)
    const content = sectionOf(results, plots, basename(folder))
    writeFileSync(document, replaceSection(readFileSync(document, 'utf8'), section ?? results.benchmark, content, document))
  }
}

export function documentCommand() {
  return new Command('document')
    .summary('no benchmark: writes results, kept by --json, into docs/performance.md or docs/accuracy.md, and draws their plots')
    .addArgument(new Argument('<results...>', 'files that benchmarks wrote'))
    .addOption(new Option('--output <file>', 'a document with places for results (default: the one in docs that has this benchmark)'))
    .addOption(new Option('--section <name>', "the place in the document (default: that of the benchmark's name)"))
    .action(run)
}

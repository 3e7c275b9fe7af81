/**
 * Writes results that `--json` has kept into docs/performance.md, and draws their plots: `npm run bench -- document results/*.json`. The text
 * around them is written by hand; each benchmark has its place between two comments.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { Argument, Command, Option } from 'commander'
import { ROOT } from '../bootstrap/places.mjs'
import { setUp } from '../bootstrap/set-up.mjs'
import { plotPackages } from '../bootstrap/steps/packages.mjs'
import { BenchError } from './bench-error.mjs'
import { BUSY_LOAD } from './machine.mjs'
import { markdownTable } from './report.mjs'

const DOCUMENT = join(ROOT, 'docs', 'performance.md')

/** The comment before and after the results of a benchmark. */
function marks(benchmark) {
  return [`<!-- results of ${benchmark} -->`, `<!-- end of ${benchmark} -->`]
}

function readResults(file) {
  let results
  try {
    results = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new BenchError(`Expected a file that a benchmark wrote for --json but ${file} gave: ${error.message}.`)
  }
  if (typeof results?.benchmark === 'string' && Array.isArray(results.tables) && results.machine !== undefined) return results
  throw new BenchError(`Expected a file that a benchmark wrote for --json, with its tables, but ${file} is none.`)
}

/** Where and with what it was measured. */
function settingOf({ machine, python, options }) {
  const { cpu, cores, memoryBytes, system, node, addon } = machine
  const [platform] = system.split(' ')
  const parts = [cpu, `${cores} cores`, `${(memoryBytes / 2 ** 30).toFixed(0)} GiB`, platform, `Node ${node}`, addon]
  const inPython = python === undefined ? '' : `; PyTorch ${python.torch} (${python.cpu}) in Python ${python.version}`
  const busy = machine.load > BUSY_LOAD ? ' **Other programs were running meanwhile, so these figures are rough.**' : ''
  return `${parts.join(', ')}${inPython}. Rounds: ${options.rounds}; median (smallest to largest).${busy}`
}

/**
 * The plots of some results: the name of the file, and what it shows.
 *
 * @returns {Promise<{ file: string, title: string, svg: string }[]>}
 */
async function plotsOf(results) {
  if (!['engines', 'sweeps'].includes(results.benchmark)) return []
  await setUp([plotPackages])
  const { comparisonPlot, growthPlot } = await import('./plots/plots.mjs') // Its packages may have come just now.
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

/** The document with other results of this benchmark. */
function replaceSection(text, benchmark, section, name) {
  const [begin, end] = marks(benchmark)
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from === -1 || to < from) throw new BenchError(`Expected the comments "${begin}" and "${end}" in ${name}.`)
  return `${text.slice(0, from + begin.length)}\n\n${section}\n\n${text.slice(to)}`
}

async function run(files, { output }) {
  const all = files.map(readResults)
  const folder = output.replace(/\.md$/, '')
  let text = readFileSync(output, 'utf8')
  for (const results of all) {
    const plots = await plotsOf(results)
    if (plots.length > 0) mkdirSync(folder, { recursive: true })
    for (const { file, svg } of plots) writeFileSync(join(folder, file), svg)
    text = replaceSection(text, results.benchmark, sectionOf(results, plots, basename(folder)), output)
  }
  writeFileSync(output, text)
}

export function documentCommand() {
  return new Command('document')
    .summary('no benchmark: writes results, kept by --json, into docs/performance.md, and draws their plots')
    .addArgument(new Argument('<results...>', 'files that benchmarks wrote'))
    .addOption(new Option('--output <file>', 'a document with places for results').default(DOCUMENT, 'docs/performance.md'))
    .action(run)
}

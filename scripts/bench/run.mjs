/** `npm run bench -- <benchmark> [options]`: runs one of the benchmarks beside this file. */
const BENCHMARKS = {
  steps: 'the training loop against the same loop in Python, in turns: --python <a Python with torch> --rounds 8',
  'event-loop': 'how late the event loop is while a model trains, against an idle process: --rounds 3',
  'start-up': 'how long --version and a first model take, against an empty process: --rounds 15',
}

const [name] = process.argv.splice(2, 1)
if (name === undefined || !Object.hasOwn(BENCHMARKS, name)) {
  const lines = Object.entries(BENCHMARKS).map(([key, text]) => `  ${key.padEnd(12)}${text}`)
  console.error(`Expected a benchmark but received ${name ?? 'none'}:\n${lines.join('\n')}`)
  process.exitCode = 2
} else {
  await import(`./${name}.mjs`)
}

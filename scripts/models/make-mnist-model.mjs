/**
 * Makes the model that comes with the package, models/mnist: the recipe `accurate` with seed 1 and one thread, on all 60,000 images of MNIST's
 * training set. Nothing is chosen: the last epoch counts, and the test set is measured once, after it.
 *
 *   node scripts/models/make-mnist-model.mjs          trains for some minutes; needs a built repository
 *   node scripts/models/make-mnist-model.mjs RUN      takes the finished training in this folder
 */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const REPOSITORY = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const MODEL = join(REPOSITORY, 'models', 'mnist')

/** What a user of the package has a use for. The rest is about the training, and the card has the gist of it. */
const KEPT = ['README.md', 'config.json', 'model.safetensors', 'metrics.csv']

function command(...args) {
  execFileSync(process.execPath, [join(REPOSITORY, 'dist', 'cli', 'main.js'), ...args], { stdio: 'inherit' })
}

const folder = mkdtempSync(join(tmpdir(), 'mnist-model-'))
try {
  // The card is named after the folder of its run.
  const run = join(folder, 'mnist')
  if (process.argv[2] === undefined) command('train', '--recipe', 'accurate', '--seed', '1', '--threads', '1', '--run', run)
  else cpSync(process.argv[2], run, { recursive: true })
  rmSync(join(run, 'README.md'), { force: true })
  rmSync(MODEL, { recursive: true, force: true })
  command('runs', 'export', run, '--output', MODEL)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
for (const name of readdirSync(MODEL)) if (!KEPT.includes(name)) rmSync(join(MODEL, name))
const card = readFileSync(join(MODEL, 'README.md'), 'utf8')
writeFileSync(join(MODEL, 'README.md'), withoutEventFiles(card))

function withoutEventFiles(text) {
  const changed = text.replace(' has every epoch, and the event files show them in TensorBoard.', ' has every epoch.')
  if (changed === text) throw new Error('The card no longer speaks of event files as this script expects.')
  return changed
}

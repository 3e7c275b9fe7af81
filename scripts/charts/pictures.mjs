/**
 * Draws the pictures of docs/pictures.md: `node scripts/charts/pictures.mjs`, in a clone that is built. Trains two networks first, some
 * minutes, unless runs of these names are in the folder that is given: `node scripts/charts/pictures.mjs <folder>`.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { DIST, ROOT } from '../bootstrap/places.mjs'

const RUNS = resolve(process.argv[2] ?? mkdtempSync(join(tmpdir(), 'pictures-')))
const PICTURES = join(ROOT, 'docs', 'pictures')

const TRAININGS = {
  tutorial: ['--epochs', '10', '--validation-split', '5000'],
  quick: ['--recipe', 'quick', '--epochs', '6', '--validation-split', '5000'],
}

for (const [name, flags] of Object.entries(TRAININGS)) {
  if (!existsSync(join(RUNS, name, 'model.safetensors'))) run('train', ...flags, '--run', join(RUNS, name), '--no-report')
}
run('plot', 'curves', ...Object.keys(TRAININGS).flatMap((name) => ['--run', name]), '--runs', RUNS, '--output', PICTURES)
for (const pictures of [
  ['thinking', '--image', '8'],
  ['states', '--image', '8'],
  ['gradients'],
  ['eigenvalues'],
  ['mistakes', '--count', '12'],
]) {
  run('plot', ...pictures, '--run', 'tutorial', '--runs', RUNS, '--output', PICTURES)
}

function run(...args) {
  const { status } = spawnSync(process.execPath, [join(DIST, 'cli', 'main.js'), ...args], { stdio: 'inherit' })
  if (status !== 0) process.exit(1)
}

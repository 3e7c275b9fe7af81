/** Fetches libtorch out of PyTorch's wheels: pip downloads and checks them, and only what a C++ program needs is kept. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { FETCHED_LIBTORCH, LIBTORCH_CONTENTS, LIBTORCH_SCRIPTS, PLATFORM, PYTHON, ROOT } from '../places.mjs'
import { megabytes } from '../progress.mjs'
import { SetUpError } from '../set-up-error.mjs'
import { hashFiles } from '../stamps.mjs'

const CONTENTS = join(LIBTORCH_SCRIPTS, 'contents.json')
const REQUIREMENTS = join(LIBTORCH_SCRIPTS, `requirements-${PLATFORM}.txt`)
const EXTRACT = join(LIBTORCH_SCRIPTS, 'extract.py')
/** Wheels for this version of Python are fetched, whichever runs pip: the libraries in them are the same. */
const WHEEL_PYTHON = '3.12'
const POLL_MS = 1000

/** The folder of the libtorch to build with: the one that the user names, in the order in which the addon looks, or the fetched one. */
export function libtorchFolder() {
  const { LIBTORCH, LIBTORCH_USE_PYTORCH } = process.env
  if (LIBTORCH !== undefined && LIBTORCH !== '') return resolve(LIBTORCH)
  return LIBTORCH_USE_PYTORCH === '1' ? pytorchFolder() : FETCHED_LIBTORCH
}

let pytorch

function pytorchFolder() {
  // find_spec does not import torch, which would take seconds.
  const program = "import importlib.util as u; s = u.find_spec('torch'); print(s.submodule_search_locations[0] if s else '')"
  pytorch ??= (spawnSync(PYTHON, ['-c', program], { encoding: 'utf8' }).stdout ?? '').trim()
  if (pytorch === '')
    throw new SetUpError(
      `LIBTORCH_USE_PYTORCH is 1, but ${PYTHON} has no torch. Install torch ${LIBTORCH_CONTENTS.version} for it, or unset the variable.`,
    )
  return pytorch
}

/** @type {import('../set-up.mjs').Step} */
export const libtorch = {
  name: 'libtorch',
  title: `fetching libtorch ${LIBTORCH_CONTENTS.version}`,
  advice:
    'Check the network and pip’s index setting, then run the same command again: finished downloads are not repeated. LIBTORCH=<folder> uses a libtorch that you have.',
  needs: () => ['python', 'libtorch for this platform', 'disk space for libtorch'],
  fingerprint: () => hashFiles(ROOT, [CONTENTS, REQUIREMENTS, EXTRACT]),
  outputs: () => [
    ...LIBTORCH_CONTENTS.platforms[PLATFORM].libraries.map((name) => join(FETCHED_LIBTORCH, 'lib', basename(name))),
    join(FETCHED_LIBTORCH, 'include', 'torch', 'headeronly', 'version.h'),
    join(FETCHED_LIBTORCH, 'build-version'),
  ],
  async run({ tool, detail }) {
    const work = `${FETCHED_LIBTORCH}.tmp`
    const [wheels, scratch, unpacked] = ['wheels', 'scratch', 'unpacked'].map((name) => join(work, name))
    const removeUnfinished = () => {
      for (const folder of [scratch, unpacked]) rmSync(folder, { recursive: true, force: true })
    }
    removeUnfinished() // Left behind by a run that was killed.
    for (const folder of [wheels, scratch, unpacked]) mkdirSync(folder, { recursive: true })
    try {
      // If a later wheel or the unpacking fails, the finished wheels stay for the next run.
      const requirements = readRequirements()
      const missing = await missingWheels(requirements, wheels)
      for (const requirement of missing) await download(tool, detail, requirement, wheels, scratch)
      detail('unpacking')
      await tool({ command: PYTHON, args: [EXTRACT, CONTENTS, PLATFORM, wheels, unpacked] })
      // Renamed last: the folder holds a complete libtorch or does not exist.
      rmSync(FETCHED_LIBTORCH, { recursive: true, force: true })
      mkdirSync(dirname(FETCHED_LIBTORCH), { recursive: true })
      renameSync(unpacked, FETCHED_LIBTORCH)
    } finally {
      removeUnfinished()
    }
    rmSync(work, { recursive: true, force: true })
  },
}

/** The wheels that are needed: each a line of the requirements file, with its hash. */
function readRequirements() {
  const lines = readFileSync(REQUIREMENTS, 'utf8').split('\n')
  return lines.flatMap((line) => {
    const sha256 = /^[^#].* --hash=sha256:([0-9a-f]{64})$/.exec(line)?.[1]
    return sha256 === undefined ? [] : [{ line, sha256 }]
  })
}

/** @returns The requirements for which there is no complete wheel in the folder. Removes everything else from it. */
async function missingWheels(requirements, wheels) {
  const kept = new Set()
  for (const name of readdirSync(wheels)) {
    const file = join(wheels, name)
    const sha256 = createHash('sha256')
    await pipeline(createReadStream(file), sha256)
    const digest = sha256.digest('hex')
    if (requirements.some((requirement) => requirement.sha256 === digest)) kept.add(digest)
    else rmSync(file)
  }
  return requirements.filter(({ sha256 }) => !kept.has(sha256))
}

/** Fetches one wheel: pip checks its hash, and puts it into the folder when it is complete. */
async function download(tool, detail, { line }, wheels, scratch) {
  const { pip, megabytes: expected } = LIBTORCH_CONTENTS.platforms[PLATFORM]
  const platforms = pip.flatMap((name) => ['--platform', name])
  const requirement = join(scratch, 'requirement.txt')
  writeFileSync(requirement, `${line}\n`)
  // pip shows its progress on terminals only, so the size of its files is watched.
  const watch = setInterval(() => {
    // While pip copies a finished wheel from one folder to the other, both have it.
    const size = Math.min(folderSize(wheels) + folderSize(scratch), expected.download * 1e6)
    detail(`${megabytes(size)} of ${expected.download} MB`)
  }, POLL_MS)
  try {
    await tool({
      command: PYTHON,
      args: [
        ...['-m', 'pip', '--disable-pip-version-check', '--no-cache-dir', 'download', '--no-deps', '--only-binary=:all:'],
        ...['--require-hashes', '--python-version', WHEEL_PYTHON, '--implementation', 'cp', ...platforms],
        ...['--dest', wheels, '--requirement', requirement],
      ],
      // pip downloads into its temporary folder, and the default one is too small on some machines.
      env: { TMPDIR: scratch, TEMP: scratch, TMP: scratch },
    })
  } finally {
    clearInterval(watch)
  }
}

/** Of the files that are still there when they are looked at: pip moves and removes some meanwhile, and whole folders. */
function folderSize(folder) {
  let entries
  try {
    entries = readdirSync(folder, { withFileTypes: true })
  } catch (error) {
    if (error.code === 'ENOENT') return 0
    throw error
  }
  return entries.reduce((size, entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return size + folderSize(path)
    return size + (entry.isFile() ? (statSync(path, { throwIfNoEntry: false })?.size ?? 0) : 0)
  }, 0)
}

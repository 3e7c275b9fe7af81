import type { Command } from 'commander'
import { BUILD_TOOLS, type Build, buildAddon } from '../../addon/build-addon'
import { REQUIRED_TORCH_VERSION } from '../../addon/find-libtorch'
import { OPTIONS } from '../../options/options'
import type { Resolved } from '../../options/specs'
import { PACKAGE_ROOT } from '../../version'
import { defineCommand } from '../define-command'
import { doneSince, startOf } from '../events'
import type { Reporter } from '../reporter'

/** The addon was compiled. */
export interface BuildEvent extends Build {
  type: 'build'
}

const BUILD_OPTIONS = {
  libtorch: {
    kind: 'path',
    of: 'folder',
    optional: true,
    summary: 'with include/ and lib/',
    whenAbsent: 'what LIBTORCH or LIBTORCH_USE_PYTORCH=1 name',
  },
  ...OPTIONS.reporting,
} as const

const TOOLS = Object.entries(BUILD_TOOLS)
  .map(([name, version]) => `${name}@${version}`)
  .join(' ')

const DETAILS = `
Examples:
  npm install --no-save ${TOOLS}
  rnn-mnist-train build --libtorch /opt/libtorch
  LIBTORCH_USE_PYTORCH=1 rnn-mnist-train build        the PyTorch of python3

If npm installed a prebuilt addon, nothing has to be built: set LIBTORCH, and it uses another libtorch ${REQUIRED_TORCH_VERSION}. A build needs CMake 3.20,
a compiler for C++20 and the two packages above. The addon goes into the folder build of this package. From then on it is used,
with the libtorch that it was compiled against. Remove that folder to go back. A build that fails changes nothing.`

/** `build`: compiles the addon against a libtorch that the user names. */
export function buildCommand(): Command {
  return defineCommand({
    name: 'build',
    summary: 'compile the addon against a libtorch of your own',
    description: 'Compiles the addon against a libtorch of your own, for a platform or a libtorch that no package serves.',
    options: BUILD_OPTIONS,
    details: DETAILS,
    work: build,
  })
}

async function build(flags: Resolved<typeof BUILD_OPTIONS>, reporter: Reporter, signal: AbortSignal): Promise<void> {
  const started = performance.now()
  const { libtorch } = flags
  reporter.step(startOf('build', { options: libtorch === undefined ? {} : { libtorch } }))
  const isQuiet = flags.quiet || flags.json
  const printed: string[] = []
  try {
    // What the compiler prints is its progress. With --quiet and --json it is shown only after a failure, which it explains.
    const onOutput = (text: string) => (isQuiet ? printed.push(text) : process.stderr.write(text))
    const result = await buildAddon({ ...(libtorch === undefined ? {} : { libtorch }), packageRoot: PACKAGE_ROOT, onOutput, signal })
    reporter.result({ type: 'build', ...result } satisfies BuildEvent, describeBuild)
  } catch (error) {
    if (!signal.aborted) process.stderr.write(printed.join(''))
    throw error
  }
  reporter.step(doneSince(started))
}

function describeBuild({ folder, libtorch }: BuildEvent): string {
  return `The addon is in ${folder}, and is used from now on, with ${libtorch}.\n`
}

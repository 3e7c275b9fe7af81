/** Fetching libtorch, with tiny wheels in a folder in place of an index: what is fetched once is not fetched again. */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PLATFORM } from '../../lib/addon/platform'
import { copyClone, startModule } from '../support/bootstrap-modules'
import { type Outcome, runCommand } from '../support/run-program'
import { useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()

const PYTHON = process.platform === 'win32' ? 'python' : 'python3'

/** Writes a wheel that pip accepts: argv is its file, its name, and a file that it contains. */
const MAKE_WHEEL = `
import sys, zipfile
_, file, name, member = sys.argv
with zipfile.ZipFile(file, "w") as archive:
    archive.writestr(f"{name}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\\nName: {name}\\nVersion: 1.0\\n")
    archive.writestr(f"{name}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    archive.writestr(member, "a library")
`

const LIBRARIES = { torch: 'torch/lib/libc10.so', cudart: 'nvidia/cu13/lib/libcudart.so.13' } as const
type Name = keyof typeof LIBRARIES

const wheelOf = (name: Name) => path('index', `${name}-1.0-py3-none-any.whl`)
const keptWheels = () => {
  const [folder] = readdirSync(path('.cache', 'libtorch')).filter((name) => name.endsWith('.tmp'))
  return readdirSync(path('.cache', 'libtorch', folder as string, 'wheels'))
}

/** Names the libraries that the wheels must contain. */
function writeContents(libraries: readonly string[] = Object.values(LIBRARIES)): void {
  const file = path('scripts', 'libtorch', 'contents.json')
  const contents = JSON.parse(readFileSync(file, 'utf8'))
  contents.platforms[PLATFORM] = { ...contents.platforms[PLATFORM], libraries, megabytes: { download: 1, disk: 1 } }
  writeFileSync(file, JSON.stringify(contents))
}

beforeEach(async () => {
  copyClone(path(), 'scripts')
  mkdirSync(path('index'))
  const lines: string[] = []
  for (const [name, member] of Object.entries(LIBRARIES) as [Name, string][]) {
    expect(await runCommand(PYTHON, ['-c', MAKE_WHEEL, wheelOf(name), name, member])).toMatchObject({ code: 0, stderr: '' })
    const sha256 = createHash('sha256')
      .update(readFileSync(wheelOf(name)))
      .digest('hex')
    lines.push(`${name}==1.0 --hash=sha256:${sha256}`)
  }
  writeFileSync(path('scripts', 'libtorch', `requirements-${PLATFORM}.txt`), `# Two wheels.\n${lines.join('\n')}\n`)
  writeContents()
})

/** The real step, except that it expects no header of libtorch. */
const FETCH = `
  try {
    await setUp([{ ...libtorch, outputs: () => [FETCHED_LIBTORCH + '/build-version'] }])
    console.log(FETCHED_LIBTORCH)
  } catch (error) {
    if (!(error instanceof SetUpError)) throw error
    console.error(error.message)
    process.exitCode = error.exitCode
  }
`

function fetchLibtorch(): Promise<Outcome> {
  const variables = {
    PIP_NO_INDEX: '1',
    PIP_FIND_LINKS: path('index'),
    PIP_CONFIG_FILE: process.platform === 'win32' ? 'nul' : '/dev/null',
  }
  const modules = ['set-up.mjs', 'set-up-error.mjs', 'places.mjs', 'steps/libtorch.mjs']
  return startModule(modules, `Object.assign(process.env, JSON.parse(args[0]));${FETCH}`, [JSON.stringify(variables)], path()).ended
}

async function expectFetched(): Promise<void> {
  const { stdout, stderr, code } = await fetchLibtorch()
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/: done after/) })
  expect(readdirSync(join(stdout.trim(), 'lib')).sort()).toEqual(['libc10.so', 'libcudart.so.13'])
  expect(existsSync(`${stdout.trim()}.tmp`)).toBe(false)
}

test('wheels that could not be unpacked are not fetched again', async () => {
  writeContents([...Object.values(LIBRARIES), 'torch/lib/libtorch_cpu.so'])
  const { code, stderr } = await fetchLibtorch()
  expect(code).toBe(1)
  expect(stderr).toContain('The wheels lack torch/lib/libtorch_cpu.so')
  rmSync(path('index'), { recursive: true })
  writeContents()
  await expectFetched()
})

test('if one wheel cannot be fetched, those before it are kept', async () => {
  const wheel = readFileSync(wheelOf('cudart'))
  rmSync(wheelOf('cudart'))
  expect(await fetchLibtorch()).toMatchObject({ code: 1, stderr: expect.stringContaining('finished downloads are not repeated') })
  expect(keptWheels()).toEqual(['torch-1.0-py3-none-any.whl'])
  writeFileSync(wheelOf('cudart'), wheel)
  rmSync(wheelOf('torch'))
  await expectFetched()
})

test('a wheel that is damaged or not wanted any more is not used', async () => {
  writeContents([...Object.values(LIBRARIES), 'torch/lib/libtorch_cpu.so'])
  expect(await fetchLibtorch()).toMatchObject({ code: 1 })
  const [folder] = readdirSync(path('.cache', 'libtorch'))
  const wheels = path('.cache', 'libtorch', folder as string, 'wheels')
  writeFileSync(join(wheels, 'torch-1.0-py3-none-any.whl'), 'cut')
  writeFileSync(join(wheels, 'old-1.0-py3-none-any.whl'), 'of an earlier version')
  writeContents()
  await expectFetched()
})

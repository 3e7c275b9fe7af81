import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Outcome, REPOSITORY, runCommand } from '../support/run-program'
import { useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()

const PYTHON = process.platform === 'win32' ? 'python' : 'python3'
const EXTRACT = join(REPOSITORY, 'scripts', 'libtorch', 'extract.py')

const CONTENTS = {
  version: '9.8.7',
  includes: ['ATen', 'c10'],
  platforms: {
    here: { libraries: ['torch/lib/libc10.so', 'nvidia/cu13/lib/libcudart.so.13'] },
    elsewhere: { libraries: ['torch/lib/libc10.dylib'] },
  },
}

/** Python's own writer takes any name, even one that a valid archive would not have. */
const MAKE_WHEEL = `
import json, sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as archive:
    for name, content in json.loads(sys.argv[2]).items():
        archive.writestr(name, content)
`

async function makeWheel(name: string, members: Record<string, string>): Promise<void> {
  mkdirSync(path('wheels'), { recursive: true })
  expect(await runCommand(PYTHON, ['-c', MAKE_WHEEL, path('wheels', name), JSON.stringify(members)])).toMatchObject({ code: 0, stderr: '' })
}

/** So deep that a file that escapes from it is still in the folder of the test, where it is noticed. */
const TARGET = ['some', 'where', 'deep', 'libtorch']

function extract(): Promise<Outcome> {
  writeFileSync(path('contents.json'), JSON.stringify(CONTENTS))
  mkdirSync(path(...TARGET), { recursive: true })
  return runCommand(PYTHON, [EXTRACT, path('contents.json'), 'here', path('wheels'), path(...TARGET)])
}

/** All files in the test's folder that the test did not make itself. */
function extracted(): string[] {
  return readdirSync(path(), { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(path(name)).isFile() && name !== 'contents.json' && !name.startsWith('wheels'))
    .map((name) => name.replaceAll('\\', '/').replace(`${TARGET.join('/')}/`, 'libtorch/'))
    .sort()
}

const LIBRARIES = { 'torch/lib/libc10.so': 'c10', 'nvidia/cu13/lib/libcudart.so.13': 'cudart' }
const EXTRACTED_LIBRARIES = ['libtorch/lib/libc10.so', 'libtorch/lib/libcudart.so.13']

test('keeps the named libraries, the headers and the licenses of all wheels, and nothing else', async () => {
  await makeWheel('torch-9.8.7-cp312.whl', {
    'torch/lib/libc10.so': 'c10',
    'torch/lib/libc10.dylib': 'of another platform',
    'torch/lib/libtorch_python.so': 'not named',
    'elsewhere/libc10.so': 'the same name in another folder',
    'torch/include/ATen/ATen.h': 'a header',
    'torch/include/ATen/core/deep/Tensor.h': 'a deep header',
    'torch/include/pybind11/pybind11.h': 'not named',
    'torch/include/loose.h': 'in no named folder',
    'torch/nn/functional.py': 'Python',
    'torch-9.8.7.dist-info/licenses/LICENSE': 'the license',
    'torch-9.8.7.dist-info/licenses/third_party/NOTICE': 'its parts',
    'torch-9.8.7.dist-info/RECORD': 'not needed',
  })
  await makeWheel('cudart-13.whl', { 'nvidia/cu13/lib/libcudart.so.13': 'cudart', 'cudart-13.dist-info/licenses/License.txt': 'another' })
  expect(await extract()).toMatchObject({ code: 0, stderr: '' })
  expect(extracted()).toEqual(
    [
      ...EXTRACTED_LIBRARIES,
      'libtorch/build-version',
      'libtorch/include/ATen/ATen.h',
      'libtorch/include/ATen/core/deep/Tensor.h',
      'libtorch/licenses/cudart-13/License.txt',
      'libtorch/licenses/torch-9.8.7/LICENSE',
      'libtorch/licenses/torch-9.8.7/third_party/NOTICE',
    ].sort(),
  )
  expect(readFileSync(path(...TARGET, 'lib', 'libc10.so'), 'utf8')).toBe('c10')
  expect(readFileSync(path(...TARGET, 'build-version'), 'utf8')).toBe('9.8.7\n')
})

test.each([
  'torch/include/ATen/../../../../evil.h',
  'torch/include/ATen/deep/../evil.h',
  '../torch/include/ATen/evil.h',
  '/torch/include/ATen/evil.h',
  'torch/include/ATen/..\\..\\..\\evil.h',
  'torch-9.8.7.dist-info/licenses/../../../evil',
])('does not unpack %s', async (name) => {
  await makeWheel('torch-9.8.7.whl', { ...LIBRARIES, [name]: 'evil' })
  expect(await extract()).toMatchObject({ code: 0, stderr: '' })
  expect(extracted()).toEqual(['libtorch/build-version', ...EXTRACTED_LIBRARIES])
})

test('names the libraries that no wheel has, and leaves no folder that looks complete', async () => {
  await makeWheel('torch-9.8.7.whl', { 'torch/lib/libc10.so': 'c10' })
  const { code, stderr } = await extract()
  expect(code).toBe(1)
  expect(stderr).toBe(`The wheels lack nvidia/cu13/lib/libcudart.so.13, which ${path('contents.json')} names.\n`)
  expect(existsSync(path(...TARGET, 'build-version'))).toBe(false)
})

test('fails on a damaged wheel', async () => {
  await makeWheel('torch-9.8.7.whl', LIBRARIES)
  const wheel = readFileSync(path('wheels', 'torch-9.8.7.whl'))
  const content = wheel.indexOf('cudart', wheel.indexOf('libcudart.so.13') + 'libcudart.so.13'.length)
  wheel[content] = 0x21
  writeFileSync(path('wheels', 'torch-9.8.7.whl'), wheel)
  const { code, stderr } = await extract()
  expect(code).toBe(1)
  expect(stderr).toContain('Bad CRC-32')
  expect(existsSync(path(...TARGET, 'build-version'))).toBe(false)
})

/** The oldest supported versions are the same wherever they are stated. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { REPOSITORY } from '../support/run-program'

/** Where each is stated, and how. */
const STATED: Record<string, readonly [file: string, pattern: RegExp][]> = {
  Node: [
    ['package.json', /"node": ">=([\d.]+)"/],
    ['scripts/bootstrap/run.mjs', /NEEDED = '([\d.]+)'/],
    ['README.md', /You need only Node ([\d.]+) or newer/],
  ],
  Python: [
    ['scripts/bootstrap/requirements.mjs', /PYTHON_VERSION = '([\d.]+)'/],
    ['README.md', /Python ([\d.]+) or newer with pip/],
    ['ruff.toml', /target-version = "py(3\d+)"/],
  ],
  CMake: [
    ['CMakeLists.txt', /cmake_minimum_required\(VERSION ([\d.]+)\)/],
    ['scripts/bootstrap/steps/build-tools.mjs', /CMAKE_VERSION = '([\d.]+)'/],
    ['README.md', /no CMake ([\d.]+) or newer/],
    ['lib/addon/build-addon.ts', /Install CMake ([\d.]+) or newer/],
    ['lib/cli/commands/build.ts', /needs CMake ([\d.]+),/],
  ],
  'glibc of a release': [
    ['README.md', /those of a release need glibc ([\d.]+) or newer/],
    ['.github/workflows/pack.yml', /linux-x64,.* --max-glibc ([\d.]+),/],
    ['.github/workflows/pack.yml', /linux-arm64,.* --max-glibc ([\d.]+),/],
  ],
}

test.each(Object.entries(STATED))('%s', (_, places) => {
  const found = places.map(([file, pattern]) => {
    const version = pattern.exec(readFileSync(join(REPOSITORY, file), 'utf8'))?.[1]
    return [file, version?.replace(/^3(?=\d+$)/, '3.')]
  })
  const [[, first] = []] = found
  expect(first).toBeDefined()
  expect(found).toEqual(places.map(([file]) => [file, first]))
})

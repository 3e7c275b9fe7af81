/** The licences of what the packages hold and is not ours. */
import { cp, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { FETCHED_LIBTORCH, LIBTORCH_CONTENTS, ROOT } from '../bootstrap/places.mjs'
import { PACKAGING } from './places.mjs'

const WHEELS = join(FETCHED_LIBTORCH, 'licenses')
const ADDED = join(PACKAGING, 'licenses')

/**
 * What lies in libtorch's folder `lib` on each platform, and the licence texts of it below `licenses`. A platform that is missing here has
 * not been looked through yet, so nothing is packed for it.
 */
const PARTS = {
  'linux-x64': [
    ['libtorch_cpu.so, libc10.so', 'PyTorch and what it takes in as sources', 'BSD-3-Clause and others', 'torch'],
    ['libtorch_cpu.so', 'Intel oneMKL, linked statically', 'Intel Simplified Software License', 'mkl'],
    ['libtorch_cpu.so', "Xbyak, the assembler of PyTorch's oneDNN", 'BSD-3-Clause', 'xbyak'],
    ['libgomp.so.1', "GCC's OpenMP library; its sources are part of GCC's", 'GPL-3.0 with the GCC Runtime Library Exception 3.1', 'gcc'],
    ['libcudart.so.13', "NVIDIA's CUDA runtime", "NVIDIA's license agreement for the CUDA toolkit", 'nvidia_cuda_runtime'],
    ['libcupti.so.13', "NVIDIA's CUDA profiling tools interface", "NVIDIA's license agreement for the CUDA toolkit", 'nvidia_cuda_cupti'],
  ],
}

/** Whether the licences for a platform are collected. */
export function hasLicenses(platform) {
  return PARTS[platform] !== undefined
}

/** Writes LICENSE and licenses/ of the libtorch package. */
export async function writeLibtorchLicenses(stage, platform) {
  const target = join(stage, 'licenses')
  await cp(WHEELS, target, { recursive: true })
  for (const part of ['mkl', 'xbyak', 'gcc']) await cp(join(ADDED, part), join(target, part), { recursive: true })
  const folders = await readdir(target)
  const lines = PARTS[platform].map(([file, what, license, prefix]) => {
    const folder = folders.find((name) => name === prefix || name.startsWith(`${prefix}-`))
    if (folder === undefined) throw new Error(`Expected the licences of ${what} in ${target}, but there is no ${prefix}.`)
    return `- ${file}: ${what}. ${license}, in licenses/${folder}.`
  })
  const text = `This package holds libraries of several owners, each under its own terms; but for symbols stripped from PyTorch's they are unchanged:\n\n${lines.join('\n')}\n`
  await writeFile(join(stage, 'LICENSE'), text)
}

/** The licence files of packages whose code is compiled into the addon, through their headers. */
const HEADERS = { 'node-addon-api': 'LICENSE.md', 'node-api-headers': 'LICENSE' }

/** Writes LICENSE and THIRD-PARTY-LICENSES of the addon package. */
export async function writeAddonLicenses(stage) {
  await cp(join(ROOT, 'LICENSE'), join(stage, 'LICENSE'))
  const texts = [[`PyTorch ${LIBTORCH_CONTENTS.version}`, join(WHEELS, `torch-${LIBTORCH_CONTENTS.version}`, 'LICENSE')]]
  for (const [name, file] of Object.entries(HEADERS)) {
    const folder = join(ROOT, 'node_modules', name)
    const { version } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'))
    texts.push([`${name} ${version}`, join(folder, file)])
  }
  const parts = await Promise.all(
    texts.map(async ([title, file]) => `${title}\n${'='.repeat(title.length)}\n\n${await readFile(file, 'utf8')}`),
  )
  const intro = 'Code of the following is compiled into these files, out of its headers.\n\n'
  await writeFile(
    join(stage, 'THIRD-PARTY-LICENSES'),
    intro +
      parts
        .map((part) => part.trimEnd())
        .join('\n\n\n')
        .concat('\n'),
  )
}

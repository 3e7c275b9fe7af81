/** The licences of the third-party parts of the packages. */
import { existsSync } from 'node:fs'
import { cp, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CHARTS_PACKAGES, FETCHED_LIBTORCH, LIBTORCH_CONTENTS, ROOT } from '../bootstrap/places.mjs'
import { PACKAGING } from './places.mjs'

const WHEELS = join(FETCHED_LIBTORCH, 'licenses')
const ADDED = join(PACKAGING, 'licenses')

const TORCH = ['PyTorch and what it takes in as sources', 'BSD-3-Clause and others', 'torch']
const MKL = ['Intel oneMKL, linked statically', 'Intel Simplified Software License', 'mkl']
const XBYAK = ["Xbyak, the assembler of PyTorch's oneDNN", 'BSD-3-Clause', 'xbyak']
const KLEIDIAI = ['KleidiAI', 'Apache-2.0', 'kleidiai']
const GCC = ["GCC's OpenMP library; its sources are part of GCC's", 'GPL-3.0 with the GCC Runtime Library Exception 3.1', 'gcc']
const CUDA = [
  ['libcudart.so.13', "NVIDIA's CUDA runtime", "NVIDIA's license agreement for the CUDA toolkit", 'nvidia_cuda_runtime'],
  ['libcupti.so.13', "NVIDIA's CUDA profiling tools interface", "NVIDIA's license agreement for the CUDA toolkit", 'nvidia_cuda_cupti'],
]

/**
 * The contents of libtorch's folder `lib` on each platform: files, what they are, their licence, and the folder with the licence's text.
 * That folder comes from PyTorch's wheels, where its name ends in a version, or from licenses/ here (see its README.md). A platform without
 * an entry cannot be packed: its libraries and their licences must be listed here first.
 */
const PARTS = {
  'linux-x64': [
    ['libtorch_cpu.so, libc10.so', ...TORCH],
    ['libtorch_cpu.so', ...MKL],
    ['libtorch_cpu.so', ...XBYAK],
    ['libgomp.so.1', ...GCC],
    ...CUDA,
  ],
  'linux-arm64': [
    ['libtorch_cpu.so, libc10.so', ...TORCH],
    ['libtorch_cpu.so', ...KLEIDIAI],
    ['libtorch_cpu.so', "Xbyak_aarch64, the assembler of PyTorch's oneDNN", 'Apache-2.0', 'xbyak_aarch64'],
    ['libarm_compute.so, libarm_compute_graph.so', 'the Arm Compute Library', 'MIT', 'arm_compute'],
    ['libnvpl_*.so.0', "NVIDIA's performance libraries", "NVIDIA's license agreement for them", 'nvpl'],
    ['libgomp.so.1', ...GCC],
    ...CUDA,
  ],
  'darwin-arm64': [
    ['libtorch_cpu.dylib, libc10.dylib', ...TORCH],
    ['libtorch_cpu.dylib', ...KLEIDIAI],
    ['libomp.dylib', "LLVM's OpenMP library", 'Apache-2.0 with LLVM Exceptions', 'torch/third_party/llvm-openmp'],
  ],
  'win32-x64': [
    ['torch_cpu.dll, c10.dll', ...TORCH],
    ['torch_cpu.dll', ...MKL],
    ['torch_cpu.dll', ...XBYAK],
    ['libiomp5md.dll', "Intel's OpenMP library", 'Intel End User License Agreement for Developer Tools', 'intel_openmp'],
    ['uv.dll', 'libuv', 'MIT', 'torch/third_party/tensorpipe/third_party/libuv'],
  ],
}

/** Whether the licences for a platform are collected. */
export function hasLicenses(platform) {
  return PARTS[platform] !== undefined
}

/** Writes LICENSE and licenses/ of the libtorch package. @param {string} [wheels] - The licences of PyTorch's wheels. */
export async function writeLibtorchLicenses(stage, platform, wheels = WHEELS) {
  const target = join(stage, 'licenses')
  await cp(wheels, target, { recursive: true })
  const added = await readdir(ADDED)
  for (const [, , , part] of PARTS[platform]) {
    if (added.includes(part)) await cp(join(ADDED, part), join(target, part), { recursive: true })
  }
  const folders = await readdir(target)
  const lines = PARTS[platform].map(([file, what, license, part]) => `- ${file}: ${what}. ${license}, in licenses/${find(part)}.`)
  const stripped = platform.startsWith('linux-') ? ", except that symbols were stripped from PyTorch's" : ''
  const intro = `This package holds libraries of several owners, each under its own terms. They are unchanged${stripped}.`
  const text = `${intro}\n\n${lines.join('\n')}\n`
  await writeFile(join(stage, 'LICENSE'), text)

  /** The folder of a part, whose first name may have a version: "torch/third_party/x". */
  function find(part) {
    const [name, ...below] = part.split('/')
    const folder = folders.find((found) => found === name || found.startsWith(`${name}-`))
    const path = [folder ?? name, ...below].join('/')
    if (!existsSync(join(target, path))) throw new Error(`Expected the licences of ${part} in ${target}, but there are none.`)
    return path
  }
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
  await writeThirdParty(stage, 'These files hold code from the headers of the following.', texts)
}

/** The packages that are bundled into the live page. */
const PAGE_PACKAGES = ['preact', '@preact/signals', '@preact/signals-core']

async function licenseOf(name) {
  const folder = join(ROOT, 'node_modules', name)
  const { version } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'))
  return [`${name} ${version}`, join(folder, 'LICENSE')]
}

/** Writes THIRD-PARTY-LICENSES of the main package. */
export async function writeMainLicenses(stage) {
  const intro =
    'dist/formats/onnx/onnx-proto.js is generated from the first of the following; dist/charts/plot-bundle.js and dist/server/page/page.js hold the others.'
  const onnx = ["ONNX's onnx.proto, Copyright (c) ONNX Project Contributors", join(ADDED, 'onnx', 'LICENSE.txt')]
  await writeThirdParty(stage, intro, [
    onnx,
    ...(await bundledLicenses(CHARTS_PACKAGES)),
    ...(await Promise.all(PAGE_PACKAGES.map(licenseOf))),
  ])
}

/** Titles and files of the licences of the packages in a bundle. @param {string} list - What the step of the bundle wrote. */
async function bundledLicenses(list) {
  const bundled = JSON.parse(await readFile(list, 'utf8'))
  return bundled.map(({ name, version, folder }) => {
    const file = ['LICENSE', 'LICENSE.md', 'LICENSE.txt', 'LICENCE']
      .map((each) => join(ROOT, folder, each))
      .find((path) => existsSync(path))
    if (file === undefined) throw new Error(`Expected a licence in ${folder}, which is a part of a bundle, but there is none.`)
    return [`${name} ${version}`, file]
  })
}

/** @param {string[][]} texts - Pairs of a title and a file. */
async function writeThirdParty(stage, intro, texts) {
  const parts = await Promise.all(
    texts.map(async ([title, file]) => `${title}\n${'='.repeat(title.length)}\n\n${(await readFile(file, 'utf8')).trimEnd()}`),
  )
  await writeFile(join(stage, 'THIRD-PARTY-LICENSES'), `${intro}\n\n${parts.join('\n\n\n')}\n`)
}

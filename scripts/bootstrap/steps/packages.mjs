/** Installs npm packages that a package-lock.json pins. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { npmCommand } from '../npm.mjs'
import { PLATFORM, ROOT } from '../places.mjs'
import { hashFiles } from '../stamps.mjs'

/**
 * @param {string} name
 * @param {string} title
 * @param {string} folder - With package.json, package-lock.json and .npmrc.
 * @returns {import('../set-up.mjs').Step}
 */
function packagesStep(name, title, folder) {
  const inputs = ['package-lock.json', '.npmrc'].map((file) => join(folder, file))
  const readDependencies = () => {
    const { dependencies, devDependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    return { ...dependencies, ...devDependencies }
  }
  return {
    name,
    title,
    advice: 'Check the network and npm’s registry setting, then run the same command again.',
    needs: () => [],
    // The platform counts, because some packages bring a binary for one. Of package.json only the dependencies count: a new script is no
    // reason to install.
    fingerprint: () => `${PLATFORM} ${JSON.stringify(readDependencies())} ${hashFiles(ROOT, inputs)}`,
    outputs: () => Object.keys(readDependencies()).map((dependency) => join(folder, 'node_modules', dependency, 'package.json')),
    async run({ tool }) {
      await tool(npmCommand(['ci', '--no-audit', '--no-fund', '--prefix', folder]))
    },
  }
}

export const packages = packagesStep('packages', 'installing npm packages', ROOT)

export const neighbourPackages = packagesStep(
  'neighbour-packages',
  'installing other native packages',
  join(ROOT, 'tests', 'stress', 'neighbours'),
)

export const onnxGenerator = packagesStep('onnx-generator', 'installing a generator of protocol buffers', join(ROOT, 'scripts', 'onnx'))

export const docsPackages = packagesStep('docs-packages', 'installing the documentation generator', join(ROOT, 'scripts', 'docs'))

export const packageTestTools = packagesStep(
  'package-test-tools',
  'installing a registry and other package managers',
  join(ROOT, 'tests', 'packages', 'tools'),
)

export const browserTestTools = packagesStep(
  'browser-test-tools',
  'installing a driver of browsers',
  join(ROOT, 'tests', 'browser', 'tools'),
)

export const browserExample = packagesStep('browser-example', 'installing ONNX Runtime for browsers', join(ROOT, 'examples', 'browser'))

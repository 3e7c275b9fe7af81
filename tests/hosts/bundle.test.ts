/** In a bundle, the package does not find its own folder. The package tests make bundles with real bundlers. */
import fs from 'node:fs'
import { checkNotBundled } from '../../lib/host/bundle'
import { packagesIn, writeManifest } from '../support/installed-package'
import { loadFailure } from '../support/load-failure'
import { runNode } from '../support/run-program'
import { useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()
const { main, installMain, installAddon } = packagesIn(path)

/** The package becomes a part of another one, as by a bundler. */
function bundle(): { PACKAGE_UNDER_TEST: string } {
  const env = installMain()
  installAddon()
  writeManifest(main(), { name: 'their-program', version: '1.0.0', engines: { node: '>=20.19' } })
  return env
}

test('a model says how to leave the package out of a bundle', async () => {
  const message = await loadFailure(bundle())
  expect(message).toContain(`a bundler made it a part of ${main('dist', 'host', 'bundle.js')}`)
  for (const way of ['--external:torch-rnn-mnist', 'webpack', 'Rollup', 'Vite', 'serverExternalPackages']) expect(message).toContain(way)
  expect(message).not.toContain('Remove node_modules')
})

test('loadMnist, the first call of most programs, says it too', async () => {
  const { PACKAGE_UNDER_TEST } = bundle()
  const script = `require(${JSON.stringify(PACKAGE_UNDER_TEST)}).loadMnist().catch(({ code, message }) => console.log(code, message))`
  const { stdout } = await runNode(['--eval', script])
  expect(stdout).toContain('ERR_LIBRARY_LOAD Could not load torch-rnn-mnist: a bundler made it a part of')
})

test('a package.json that cannot be read at the moment is no sign of a bundler', () => {
  const spy = jest.spyOn(fs, 'readFileSync').mockImplementation(() => {
    throw Object.assign(new Error('too many open files'), { code: 'EMFILE' })
  })
  try {
    checkNotBundled()
    expect(spy).toHaveBeenCalled()
  } finally {
    spy.mockRestore()
  }
})

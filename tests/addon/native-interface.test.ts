/** The interfaces in lib/addon have the same members as the addon. TypeScript alone cannot check this. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ADDON_FILES } from '../../lib/addon/find-addon'
import { native } from '../../lib/addon/native'
import { ADDON_FOLDER } from '../support/installed-package'
import { REPOSITORY } from '../support/run-program'

/** The members of an interface of lib/addon, as written there. */
function declared(file: string, name: string): string[] {
  const source = readFileSync(join(REPOSITORY, 'lib', 'addon', file), 'utf8')
  const body = new RegExp(`^(?:export )?interface ${name} \\{\\n(.*?)^\\}`, 'ms').exec(source)?.[1]
  if (body === undefined) throw new Error(`lib/addon/${file} declares no ${name}.`)
  return Array.from(body.matchAll(/^ {2}(?:readonly )?(\w+)[(:]/gm), (match) => match[1] as string).toSorted()
}

function members(object: object): string[] {
  return Object.getOwnPropertyNames(object)
    .filter((name) => name !== 'constructor')
    .toSorted()
}

test('of the addon', () => {
  expect(members(native())).toEqual(declared('binding.ts', 'NativeBinding'))
})

test('of a model', () => {
  expect(members(native().ImageRnn.prototype)).toEqual(declared('binding.ts', 'NativeImageRnn'))
})

test('of the loader', () => {
  const loader = require(join(ADDON_FOLDER, ADDON_FILES.loader))
  expect(members(loader)).toEqual(declared('load-addon.ts', 'NativeLoader'))
})

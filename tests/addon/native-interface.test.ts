/** The typed interface in lib/native.ts and the addon have the same members: TypeScript alone would believe what is written there. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { native } from '../../lib/addon/native'
import { REPOSITORY } from '../support/run-program'

const SOURCE = readFileSync(join(REPOSITORY, 'lib', 'native.ts'), 'utf8')

/** The members of an interface of lib/native.ts, as written there. */
function declared(name: string): string[] {
  const body = new RegExp(`^(?:export )?interface ${name} \\{\\n(.*?)^\\}`, 'ms').exec(SOURCE)?.[1]
  if (body === undefined) throw new Error(`lib/native.ts declares no ${name}.`)
  return Array.from(body.matchAll(/^ {2}(?:readonly )?(\w+)[(:]/gm), (match) => match[1] as string).toSorted()
}

function members(object: object): string[] {
  return Object.getOwnPropertyNames(object)
    .filter((name) => name !== 'constructor')
    .toSorted()
}

test('of the addon', () => {
  expect(members(native())).toEqual(declared('NativeBinding'))
})

test('of a model', () => {
  expect(members(native().ImageRnn.prototype)).toEqual(declared('NativeImageRnn'))
})

test('of the loader', () => {
  const loader = require(join(REPOSITORY, 'build', 'Release', 'loader.node'))
  expect(members(loader)).toEqual(declared('NativeLoader'))
})

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { REPOSITORY } from './run-program'

/** The first block of TypeScript in the README. */
export function readmeExample(): string {
  const readme = readFileSync(join(REPOSITORY, 'README.md'), 'utf8')
  const example = /^```ts\n(.*?)^```/ms.exec(readme)?.[1]
  if (example === undefined) throw new Error('README.md has no block of TypeScript.')
  return example
}

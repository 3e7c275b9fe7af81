/** The program that runs this package. Bun and Deno also give a version of Node in `process.versions`, because they imitate it. */

function findRuntime(): { readonly name: 'Node' | 'Bun' | 'Deno'; readonly version: string } {
  const { node, bun, deno } = process.versions
  if (bun !== undefined) return { name: 'Bun', version: bun }
  return deno === undefined ? { name: 'Node', version: node } : { name: 'Deno', version: deno }
}

/** Its name, and its own version. */
export const RUNTIME = findRuntime()

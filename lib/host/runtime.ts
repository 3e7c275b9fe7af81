/** The program that runs this package. Bun and Deno take part in Node's API so far that they give a version of Node as theirs. */

function findRuntime(): { readonly name: 'Node' | 'Bun' | 'Deno'; readonly version: string } {
  const { node, bun, deno } = process.versions
  if (bun !== undefined) return { name: 'Bun', version: bun }
  return deno === undefined ? { name: 'Node', version: node } : { name: 'Deno', version: deno }
}

/** Its name, and its own version. */
export const RUNTIME = findRuntime()

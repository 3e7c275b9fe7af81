/**
 * Preloaded into a program with `node --require`: makes it pause for ever in the middle of what it does to its files, and tell so on stderr,
 * so that a test can kill it there. PAUSE_AT="rename:3" means: before its third rename. The program itself knows nothing of this.
 */
const fs = require('node:fs')
const promises = require('node:fs/promises')
const { basename } = require('node:path')

const [place, count] = (process.env.PAUSE_AT ?? '').split(':')
/** How often the program has come to this place. */
let visits = 0
/** The paths of open files. */
const paths = new Map()

/** Whether this visit is the one to pause at. */
function isHere(name) {
  if (name !== place) return false
  visits += 1
  return visits === Number(count)
}

/** Tells where the program is, and never returns. */
function pause(path) {
  fs.writeSync(2, `paused at ${place} ${path}\n`)
  setInterval(() => undefined, 1000) // Keeps the process alive.
  return new Promise(() => undefined)
}

const { open, rename, rm, link } = promises
promises.open = async (path, ...rest) => {
  const handle = await open(path, ...rest)
  paths.set(handle.fd, String(path))
  if (!basename(String(path)).startsWith('.torch-rnn-mnist-')) return handle
  const writeFile = handle.writeFile.bind(handle)
  handle.writeFile = async (content, ...options) => {
    if (!isHere('write')) return await writeFile(content, ...options)
    await writeFile(Buffer.from(content).subarray(0, content.length / 2))
    return await pause(path)
  }
  return handle
}
promises.rename = async (from, to) => {
  if (isHere('rename')) await pause(to)
  await rename(from, to)
  if (isHere('renamed')) await pause(to)
}
promises.rm = async (path, ...options) => {
  if (basename(String(path)).startsWith('epoch-') && isHere('prune')) await pause(path)
  await rm(path, ...options)
}
promises.link = async (from, to) => {
  await link(from, to)
  if (isHere('lock')) await pause(to)
}

const { fsync } = fs
fs.fsync = (descriptor, done) => {
  const path = paths.get(descriptor) ?? ''
  const name = basename(path).startsWith('.torch-rnn-mnist-') ? 'sync' : 'sync of the folder'
  if (isHere(name)) void pause(path)
  else fsync(descriptor, done)
}

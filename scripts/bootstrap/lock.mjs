/**
 * One set-up at a time for each clone.
 *
 * The lock is a listening socket, which the kernel frees when its holder dies, however it dies. On Linux its name is in the
 * abstract namespace and on Windows it is a named pipe, so no file stays behind. macOS has neither; there it is a TCP port of the loopback
 * interface, derived from the clone's path. Whoever waits is connected to the holder, which says what it is doing; when the connection
 * ends, the lock is free. Containers that share a clone but not their network are not kept apart.
 */
import { createHash } from 'node:crypto'
import { realpathSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { createInterface } from 'node:readline'

/** Whoever says nothing within this time is no set-up, but another program that happens to use the port. */
const GREETING_MS = 5000

/** The address of a clone's lock. */
export function lockAddress(root, platform = process.platform) {
  const digest = createHash('sha256').update(realpathSync(root)).digest()
  const name = `torch-rnn-mnist-${digest.toString('hex', 0, 12)}`
  if (platform === 'linux') return { path: `\0${name}` }
  if (platform === 'win32') return { path: `\\\\.\\pipe\\${name}` }
  return { host: '127.0.0.1', port: 20_000 + (digest.readUInt16BE(12) % 10_000) } // below the ports that systems hand out
}

/** A lock that this process holds. */
class HeldLock {
  #server
  #waiting = new Set()
  #activity = 'starting'

  constructor(server) {
    this.#server = server
    server.on('connection', (socket) => {
      this.#waiting.add(socket)
      socket.on('error', () => {}) // A waiting process that was killed is no concern of the holder.
      socket.on('close', () => this.#waiting.delete(socket))
      this.#tell(socket)
    })
  }

  /** Tells the waiting processes what is being done. */
  announce(activity) {
    this.#activity = activity
    for (const socket of this.#waiting) this.#tell(socket)
  }

  release() {
    this.#server.close()
    for (const socket of this.#waiting) socket.destroy()
  }

  #tell(socket) {
    socket.write(`${JSON.stringify({ pid: process.pid, activity: this.#activity })}\n`)
  }
}

/**
 * Takes the lock, waiting for it where another process holds it.
 *
 * @param address - From {@link lockAddress}.
 * @param {(message: string) => void} onWait - Called with what is waited for, whenever that changes.
 * @param {AbortSignal} [signal] - Ends the waiting; the promise then rejects with its reason.
 */
export async function takeLock(address, onWait, signal) {
  for (;;) {
    signal?.throwIfAborted()
    const server = await listen(address)
    if (server !== undefined) return new HeldLock(server)
    await waitForHolder(address, onWait, signal)
  }
}

function listen(address) {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (/** @type {NodeJS.ErrnoException} */ error) => (error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error)))
    server.listen({ ...address, exclusive: true }, () => resolve(server))
  })
}

/** @returns {Promise<void>} When the holder is gone. */
function waitForHolder(address, onWait, signal) {
  return new Promise((resolve, reject) => {
    const socket = connect(address)
    const abort = () => socket.destroy(signal.reason)
    signal?.addEventListener('abort', abort)
    socket.setTimeout(GREETING_MS, () => {
      socket.destroy(
        new Error(`Port ${address.port} on this machine, the lock of this clone, is used by another program. End that program.`),
      )
    })
    createInterface({ input: socket })
      .on('line', (line) => {
        socket.setTimeout(0)
        const { pid, activity } = JSON.parse(line)
        onWait(`another set-up is running (pid ${pid}, ${activity}), waiting`)
      })
      .on('error', () => {}) // The socket's own listener below takes it.
    let failure
    socket.on('error', (/** @type {NodeJS.ErrnoException} */ error) => {
      // The holder ended between our two attempts, or was killed.
      if (!['ECONNREFUSED', 'ECONNRESET', 'ENOENT', 'EPIPE'].includes(error.code ?? '')) failure = error
    })
    socket.on('close', () => {
      signal?.removeEventListener('abort', abort)
      if (failure === undefined) resolve()
      else reject(failure)
    })
  })
}

/** After all test files: ends the registry and removes what it kept. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'

// jest runs start and stop in one process, but loads this module anew for each.
const holder = globalThis as { stopTestRegistry?: () => Promise<void> }

/** Records what must be ended. */
export function stopWith(server: ChildProcess, folder: string): void {
  holder.stopTestRegistry = async () => {
    if (server.exitCode === null && server.signalCode === null) {
      const exit = once(server, 'exit')
      server.kill('SIGKILL')
      await exit
    }
    rmSync(folder, { recursive: true, force: true })
  }
}

export default async function stopRegistry(): Promise<void> {
  await holder.stopTestRegistry?.()
}

/** Keeps one core busy, from a first line on stdin until stdin ends. */
import { createInterface } from 'node:readline'
import { Worker } from 'node:worker_threads'

for await (const _ of createInterface({ input: process.stdin })) {
  const worker = new Worker('require("node:worker_threads").parentPort.postMessage("running"); for (;;);', { eval: true })
  worker.once('message', () => console.log('true'))
}
process.exit() // Nothing else ends the loop.

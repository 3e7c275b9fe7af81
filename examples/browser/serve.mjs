/**
 * Serves this page to browsers on this machine: `node serve.mjs [model.onnx] [--port 8080]`.
 *
 * Every address that it answers is in the table below, with its file. There is no other way to a file, so none can be asked for by accident
 * or by a trick.
 */
import { once } from 'node:events'
import { open } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname, join, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const TYPES = {
  '.css': 'text/css',
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.onnx': 'application/octet-stream',
  '.wasm': 'application/wasm',
}

const HEADERS = {
  'Cache-Control': 'no-cache',
  // The page loads nothing from elsewhere, and only WebAssembly is compiled.
  'Content-Security-Policy': "default-src 'self'; img-src 'self' data:; script-src 'self' 'wasm-unsafe-eval'",
  'X-Content-Type-Options': 'nosniff',
}

const ADVICE = 'Write a model with: rnn-mnist-train export --onnx model.onnx'

/** The files by their addresses. */
function filesToServe(model) {
  const page = ['index.html', 'style.css', 'page.js', 'pad.js', 'mnist-image.js', 'recognizer.js']
  return new Map([
    ['/', join(import.meta.dirname, 'index.html')],
    ...page.map((name) => [`/${name}`, join(import.meta.dirname, name)]),
    ['/model.onnx', resolve(model)],
    ['/onnxruntime-web/ort.mjs', findRuntime('onnxruntime-web/wasm')],
    ['/onnxruntime-web/ort.wasm', findRuntime('onnxruntime-web/ort-wasm-simd-threaded.wasm')],
  ])
}

function findRuntime(name) {
  try {
    return fileURLToPath(import.meta.resolve(name))
  } catch (cause) {
    throw new Error(`ONNX Runtime is not installed. In the folder ${import.meta.dirname}, run: npm install`, { cause })
  }
}

async function answer(files, { method, url }, response) {
  if (method !== 'GET' && method !== 'HEAD') return refuse(response, 405, 'Only GET and HEAD.')
  const [path] = url.split('?')
  const file = files.get(path)
  if (file === undefined) return refuse(response, 404, 'There is nothing of this name.')
  let handle
  try {
    handle = await open(file)
    const stats = await handle.stat()
    if (!stats.isFile()) throw new Error(`${file} is no file.`)
    response.writeHead(200, { ...HEADERS, 'Content-Type': TYPES[extname(file)] ?? TYPES['.onnx'], 'Content-Length': stats.size })
    if (method === 'HEAD') response.end()
    else await pipeline(handle.createReadStream({ autoClose: false }), response)
  } catch (error) {
    if (response.headersSent) throw error
    refuse(response, 404, path === '/model.onnx' ? `${error.message} ${ADVICE}` : error.message)
  } finally {
    await handle?.close()
  }
}

function refuse(response, status, text) {
  response.writeHead(status, { ...HEADERS, 'Content-Type': 'text/plain; charset=utf-8' }).end(text)
}

try {
  const options = /** @type {const} */ ({ port: { type: 'string', default: '8080' } })
  const { values, positionals } = parseArgs({ options, allowPositionals: true })
  const files = filesToServe(positionals[0] ?? 'model.onnx')
  const server = createServer((request, response) => {
    answer(files, request, response).catch(() => response.destroy()) // The browser went away, or the file was cut short.
  })
  server.listen(Number(values.port), '127.0.0.1') // No other machine can reach it.
  await once(server, 'listening')
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  console.log(`Open http://127.0.0.1:${port}/`)
} catch (error) {
  console.error(`Error: ${error.message}`)
  process.exitCode = 1
}

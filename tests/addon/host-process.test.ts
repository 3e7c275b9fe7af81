/** The rest of a program still works once libtorch is loaded. */
import { runScript, WELL_ENDED } from '../support/child-script'

test('https, crypto and zlib work after libtorch is loaded', async () => {
  // libtorch brings libraries of its own (OpenMP, the CUDA runtime); none of them may replace those of Node. Pre-shared keys
  // replace a certificate.
  const body = `
    const https = require('node:https')
    const { createHash, generateKeyPairSync, sign, verify } = require('node:crypto')
    const zlib = require('node:zlib')
    await new ImageRNN(options).train(dataset(), { epochs: 1 })

    const text = 'digits '.repeat(1000)
    console.log(createHash('sha256').update('abc').digest('hex'))
    const { publicKey, privateKey } = generateKeyPairSync('ed25519')
    console.log(verify(null, Buffer.from(text), publicKey, sign(null, Buffer.from(text), privateKey)))
    for (const [pack, unpack] of [['gzipSync', 'gunzipSync'], ['brotliCompressSync', 'brotliDecompressSync']]) {
      console.log(zlib[unpack](zlib[pack](text)).toString() === text)
    }

    const psk = Buffer.alloc(32, 7)
    const tls = { ciphers: 'PSK', maxVersion: 'TLSv1.2' }
    const server = https.createServer({ ...tls, pskCallback: () => psk }, (request, response) => response.end(text))
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const client = { ...tls, pskCallback: () => ({ psk, identity: 'test' }), checkServerIdentity: () => undefined, agent: false }
    const [response] = await once(https.get({ host: '127.0.0.1', port: server.address().port, ...client }), 'response')
    let received = ''
    for await (const chunk of response) received += chunk
    server.close()
    console.log(received === text)
  `
  const outcome = await runScript(body)
  expect(outcome).toMatchObject(WELL_ENDED)
  expect(outcome.stdout.trim().split('\n')).toEqual([
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad', // FIPS 180-2, appendix B.1
    ...Array.from({ length: 4 }, () => 'true'),
  ])
})

/** Files of another kind under the name of a data file or a model: the error says what they are. */
import { writeFileSync } from 'node:fs'
import { deflateRawSync, gzipSync } from 'node:zlib'
import { loadIdx } from '../../lib'
import { CONTENT_SAMPLE_BYTES, recognizeContent } from '../../lib/files/content-kind'
import { encodeSafetensors } from '../../lib/formats/safetensors'
import { readModelFile } from '../../lib/model/model-file'
import { expectError } from '../support/expect-error'
import { idxFile } from '../support/idx-file'
import { useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()

const bytes = (latin1: string) => Buffer.from(latin1, 'latin1')
/** Something behind a signature, so that nothing is recognized by its length. */
const behind = (signature: string) => Buffer.concat([bytes(signature), Buffer.alloc(100, 0xa7)])

/** The beginning of a zip archive: a local file header and compressed content. */
function zip(name: string): Buffer {
  const header = Buffer.alloc(30)
  header.write('PK\x03\x04', 'latin1')
  header.writeUInt16LE(name.length, 26)
  return Buffer.concat([header, bytes(name), deflateRawSync(Buffer.alloc(1000))])
}

/** The beginning of a tar archive: a block with the name of a file, and the signature at its place. */
function tar(): Buffer {
  const block = Buffer.alloc(512, 0)
  block.write('train-images-idx3-ubyte')
  block.write('ustar', 257)
  return block
}

const HTML = '<!DOCTYPE html>\n<html lang="en"><head><title>404</title></head></html>\n'
const LFS = 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32\nsize 12345\n'
const DOWNLOAD = 'download it again'
const EXPORT = 'safetensors.torch.save_file(model.state_dict(), path)'

const KINDS: [name: string, content: Buffer, advice: string][] = [
  ['an HTML page', bytes(HTML), DOWNLOAD],
  ['an HTML page', bytes(`\ufeff\n  ${HTML.toUpperCase()}`.slice(1)), DOWNLOAD],
  ['an HTML page', bytes('<html><body>Sign in</body></html>'), DOWNLOAD],
  ['an XML document', bytes('<?xml version="1.0"?><Error><Code>NoSuchKey</Code></Error>'), DOWNLOAD],
  ['JSON', bytes('{"message": "Not Found"}'), DOWNLOAD],
  ['a Git LFS pointer', bytes(LFS), 'run git lfs pull'],
  ['text that begins with "label,1x1,1x2\\n7,0,0"', bytes('label,1x1,1x2\n7,0,0'), ''],
  ['text that begins with "Zu viele Anfragen für heute"', Buffer.from('Zu viele Anfragen für heute\n'), ''],
  ['a PyTorch file (.pt)', zip('archive/data.pkl'), EXPORT],
  ['a PyTorch file (.pt)', zip('model/data/0'), EXPORT],
  ['a Python pickle', behind('\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.'), EXPORT],
  ['an archive of NumPy arrays (.npz)', zip('arr_0.npy'), ''],
  ['a zip archive', zip('train-images-idx3-ubyte'), 'Unpack it first.'],
  ['a NumPy array (.npy)', behind('\x93NUMPY\x01\x00'), ''],
  ['an HDF5 file', behind('\x89HDF\r\n\x1a\n'), ''],
  ['a PNG picture', behind('\x89PNG\r\n\x1a\n'), ''],
  ['a JPEG picture', behind('\xff\xd8\xff\xe0'), ''],
  ['a GIF picture', behind('GIF89a'), ''],
  ['a PDF document', behind('%PDF-1.7\n'), ''],
  ['bzip2 data', behind('BZh91AY'), 'Decompress it first.'],
  ['xz data', behind('\xfd7zXZ\0'), 'Decompress it first.'],
  ['zstd data', behind('\x28\xb5\x2f\xfd'), 'Decompress it first.'],
  ['a 7z archive', behind('7z\xbc\xaf\x27\x1c'), 'Unpack it first.'],
  ['a tar archive', tar(), 'Unpack it first.'],
]

const LABELS = idxFile([1], [0])
const SAFETENSORS = Buffer.from(encodeSafetensors(new Map([['a', { data: new Float32Array(1), shape: [1] }]])))

async function expectNoImages(content: Uint8Array, ...parts: string[]): Promise<void> {
  writeFileSync(path('images'), content)
  writeFileSync(path('labels'), LABELS)
  const files = { images: path('images'), labels: path('labels') }
  await expectError(() => loadIdx(files), 'ERR_INVALID_FILE', `${path('images')}: expected an IDX file of images`, ...parts)
}

async function expectNoModel(content: Uint8Array, ...parts: string[]): Promise<void> {
  writeFileSync(path('model'), content)
  await expectError(() => readModelFile(path('model')), 'ERR_INVALID_FILE', `${path('model')}: expected a safetensors file`, ...parts)
}

test.each(KINDS)('%s in place of images or a model', async (name, content, advice) => {
  await expectNoImages(content, `but found ${name}`, advice)
  await expectNoImages(gzipSync(content), `but found ${name}`, ' inside the gzip data', advice)
  await expectNoModel(content, `but found ${name}`, advice)
})

test('gzip data in place of a model, and inside gzip data', async () => {
  await expectNoModel(gzipSync(SAFETENSORS), 'but found gzip data. Decompress it first.')
  await expectNoImages(gzipSync(gzipSync(LABELS)), 'but found gzip data inside the gzip data. Decompress it first.')
})

test('a model in place of images, and images in place of a model', async () => {
  await expectNoImages(SAFETENSORS, 'but found a safetensors file.')
  await expectNoModel(idxFile([2, 28, 28], new Uint8Array(2 * 28 * 28)), 'but found an IDX file.')
})

test('an empty file, and unknown bytes', async () => {
  await expectNoImages(new Uint8Array(0), 'but found an empty file')
  await expectNoModel(new Uint8Array(0), 'but found an empty file')
  await expectNoImages(Uint8Array.of(0xa7, 0, 1, 2, 3), '0x00 0x00 0x08 0x03, but found 0xa7 0x00 0x01 0x02')
})

describe('a text', () => {
  test('is shown with its first characters only, in one line', () => {
    const { name } = recognizeContent(bytes(`a\n${'b'.repeat(1000)}`)) ?? {}
    expect(name).toBe(`text that begins with "a\\n${'b'.repeat(38)}"`)
  })

  test('is recognized when the sample cuts a character', () => {
    const text = Buffer.from(`${'x'.repeat(CONTENT_SAMPLE_BYTES - 1)}ü`)
    expect(recognizeContent(text)?.name).toMatch(/^text that begins with "xxx/)
  })

  test.each([
    ['with zeros', bytes('abc\0def')],
    ['that is no UTF-8', bytes('abc\xffdef')],
    ['of spaces alone', bytes(' \n ')],
    ['of no characters', bytes('')],
  ])('is not seen in bytes %s', (_, content) => {
    expect(recognizeContent(content)).toBeUndefined()
  })
})

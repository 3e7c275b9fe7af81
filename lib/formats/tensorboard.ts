/**
 * TensorBoard's event files: values to bytes. A file is a sequence of records, each of which holds one Event, a protocol buffer. The numbers of
 * the fields are those of event.proto and summary.proto in tensorboard/compat/proto.
 */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { buf as crc32c } from 'crc-32/crc32c'

/** Where an event stands: `step` counts updates of the parameters, `wallTime` is in seconds since 1970. */
export interface EventTime {
  readonly wallTime: number
  readonly step: number
}

/** What a file begins with, so that readers know its format. */
export function encodeFileVersion(wallTime: number): Uint8Array {
  return encodeRecord(beginEvent({ wallTime, step: 0 }).tag(Field.Event.fileVersion, WireType.LengthDelimited).string('brain.Event:2'))
}

/**
 * What a training that goes on after a pause begins its new file with. Readers then forget the values of this step and all later ones which
 * older files hold: the training computes them again.
 */
export function encodeSessionStart(time: EventTime): Uint8Array {
  const log = new BinaryWriter().tag(Field.SessionLog.status, WireType.Varint).int32(SESSION_START)
  return encodeRecord(beginEvent(time).tag(Field.Event.sessionLog, WireType.LengthDelimited).bytes(log.finish()))
}

/** Numbers by their tags, as float32. TensorBoard groups tags by what stands before their slash. */
export function encodeScalars(time: EventTime, scalars: Readonly<Record<string, number>>): Uint8Array {
  const summary = new BinaryWriter()
  for (const [tag, number] of Object.entries(scalars)) {
    const value = new BinaryWriter()
    value.tag(Field.Value.tag, WireType.LengthDelimited).string(tag)
    value.tag(Field.Value.simpleValue, WireType.Bit32).float(Math.fround(number)) // Too large for float32: infinite.
    summary.tag(Field.Summary.value, WireType.LengthDelimited).bytes(value.finish())
  }
  return encodeRecord(beginEvent(time).tag(Field.Event.summary, WireType.LengthDelimited).bytes(summary.finish()))
}

const Field = {
  Event: { wallTime: 1, step: 2, fileVersion: 3, summary: 5, sessionLog: 7 },
  Summary: { value: 1 },
  Value: { tag: 1, simpleValue: 2 },
  SessionLog: { status: 1 },
} as const

/** SessionLog.SessionStatus.START */
const SESSION_START = 1

function beginEvent({ wallTime, step }: EventTime): BinaryWriter {
  return new BinaryWriter().tag(Field.Event.wallTime, WireType.Bit64).double(wallTime).tag(Field.Event.step, WireType.Varint).int64(step)
}

const LENGTH_BYTES = 8
const CHECKSUM_BYTES = 4

/** TFRecord, all little-endian: the length of the event, a checksum of the length, the event, a checksum of the event. */
function encodeRecord(event: BinaryWriter): Uint8Array {
  const payload = event.finish()
  const start = LENGTH_BYTES + CHECKSUM_BYTES
  const record = new Uint8Array(start + payload.length + CHECKSUM_BYTES)
  const view = new DataView(record.buffer)
  view.setBigUint64(0, BigInt(payload.length), true)
  view.setUint32(LENGTH_BYTES, maskedChecksum(record.subarray(0, LENGTH_BYTES)), true)
  record.set(payload, start)
  view.setUint32(start + payload.length, maskedChecksum(payload), true)
  return record
}

const MASK_DELTA = 0xa282ead8

/** The CRC-32C, rotated to the right by 15 bits, plus a constant: the format masks it so that data with checksums inside stays checkable. */
function maskedChecksum(bytes: Uint8Array): number {
  const crc = crc32c(bytes) >>> 0
  return (((crc >>> 15) | (crc << 17)) + MASK_DELTA) >>> 0
}

// As much of tar as a driver needs: read entries as they stream by, add a file, change the owner. Nothing is held but one
// header, so a context of any size passes in constant memory.

const BLOCK = 512
/** pax and GNU headers (long names): more than this is no honest archive. */
const MOST_EXTENDED = 2 ** 20

export interface TarHeader {
  name: string
  /** '0' file, '5' directory, '2' symbolic link, '1' hard link. */
  type: string
  size: number
}

/** A header with its raw bytes (long-name headers included), then the entry's bytes with their padding. */
export type TarPart = { header: TarHeader; raw: Buffer; data: null } | { header: TarHeader; raw: null; data: Buffer }

/** Reads an archive part by part. Throws an Error when it ends in the middle of an entry. */
export async function* readTar(source: AsyncIterable<Buffer | string>): AsyncGenerator<TarPart> {
  let pending: Buffer = Buffer.alloc(0)
  let header: TarHeader | null = null
  let left = 0 // bytes of the entry's data, padding included, not yet seen
  let extended: Extended = { raw: [], size: 0 }
  for await (const piece of source) {
    const chunk = typeof piece === 'string' ? Buffer.from(piece) : piece
    pending = pending.length > 0 ? Buffer.concat([pending, chunk]) : chunk
    while (pending.length > 0) {
      if (left > 0 && header) {
        const data = pending.subarray(0, left)
        pending = pending.subarray(data.length)
        left -= data.length
        if (isExtension(header)) extended = keep(extended, data)
        else yield { header, raw: null, data }
        if (left === 0 && isExtension(header)) extended = understood(extended, header)
        continue
      }
      if (pending.length < BLOCK) break
      const raw = pending.subarray(0, BLOCK)
      pending = pending.subarray(BLOCK)
      if (raw.every((byte) => byte === 0)) continue
      header = readHeader(raw)
      left = Math.ceil(header.size / BLOCK) * BLOCK
      if (isExtension(header)) {
        extended = keep({ ...extended, body: undefined }, raw)
        continue
      }
      header = { ...header, name: extended.name ?? header.name }
      yield { header, raw: Buffer.concat([...extended.raw, raw]), data: null }
      extended = { raw: [], size: 0 }
    }
  }
  if (left > 0 || pending.length > 0) throw new Error('the archive of the commit ends in the middle of a file')
}

interface Extended {
  raw: Buffer[]
  size: number
  body?: Buffer[] | undefined
  name?: string
}

const isExtension = (header: TarHeader) => 'xgLK'.includes(header.type)

function keep(extended: Extended, bytes: Buffer): Extended {
  const size = extended.size + bytes.length
  if (size > MOST_EXTENDED) throw new Error('the archive of the commit has an oversized header')
  return {
    ...extended,
    raw: [...extended.raw, Buffer.from(bytes)],
    size,
    body: extended.body ? [...extended.body, Buffer.from(bytes)] : [],
  }
}

/** The long name that an extension header carries: pax `path`, or GNU 'L'. */
function understood(extended: Extended, header: TarHeader): Extended {
  const body = Buffer.concat(extended.body ?? [])
    .subarray(0, header.size)
    .toString()
  if (header.type === 'L') return { ...extended, name: body.replace(/\0+$/, '') }
  const path = header.type === 'x' ? body.match(/^\d+ path=(.*)$/m)?.[1] : undefined
  return path === undefined ? extended : { ...extended, name: path }
}

function readHeader(raw: Buffer): TarHeader {
  const text = (from: number, to: number) => raw.toString('utf8', from, to).replace(/\0.*$/s, '')
  const prefix = text(257, 262) === 'ustar' ? text(345, 500) : ''
  const size =
    raw[124] && raw[124] >= 128 ? Number(raw.readBigUInt64BE(128)) : Number.parseInt(text(124, 136).trim() || '0', 8)
  if (!Number.isSafeInteger(size) || size < 0) throw new Error('the archive of the commit is not a tar')
  const type = text(156, 157) || '0'
  return {
    name: prefix ? `${prefix}/${text(0, 100)}` : text(0, 100),
    type,
    size: type === '0' || isLong(type) ? size : 0,
  }
}

const isLong = (type: string) => 'xgLK7'.includes(type)

/** `./a/b/` and `a/b` are the same place. */
export const plainPath = (path: string) => path.replace(/^(\.?\/)+/, '').replace(/\/+$/, '')

/** A file or directory entry with its content and padding. `name` is at most 100 bytes. */
export function tarEntry(entry: { name: string; body?: Buffer; mode: number; uid?: number; gid?: number }): Buffer {
  const body = entry.body ?? Buffer.alloc(0)
  const raw = Buffer.alloc(BLOCK + Math.ceil(body.length / BLOCK) * BLOCK)
  raw.write(entry.name, 0, 100)
  writeOctal(raw, entry.mode, 100, 8)
  writeOctal(raw, body.length, 124, 12)
  writeOctal(raw, 0, 136, 12) // a fixed time: the same text gives the same layer
  raw.write(entry.body ? '0' : '5', 156)
  raw.write('ustar\x0000', 257, 'latin1')
  body.copy(raw, BLOCK)
  withOwner(raw, entry.uid ?? 0, entry.gid ?? 0)
  return raw
}

/** Sets the owner in the last header of `raw` in place (a part's raw bytes end with the entry's own header). */
export function withOwner(raw: Buffer, uid: number, gid: number, at = 0): Buffer {
  const header = raw.subarray(at, at + BLOCK)
  writeOctal(header, uid, 108, 8)
  writeOctal(header, gid, 116, 8)
  header.fill(' ', 148, 156)
  let sum = 0
  for (const byte of header) sum += byte
  writeOctal(header, sum, 148, 7)
  return raw
}

function writeOctal(raw: Buffer, value: number, at: number, length: number) {
  raw.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, length, 'latin1')
}

export const TAR_END: Buffer = Buffer.alloc(2 * BLOCK)

/**
 * Takes the engine's framing (8 bytes: stream, 0, 0, 0, length) off an attached output and gives the bytes of both
 * streams in the order they came. Holds at most one frame header: a frame is passed on as it arrives.
 */
export function frameReader() {
  let header = Buffer.alloc(0)
  let left = 0
  return (chunk: Buffer): Buffer => {
    const out: Buffer[] = []
    let at = 0
    while (at < chunk.length) {
      if (left > 0) {
        const end = Math.min(at + left, chunk.length)
        out.push(chunk.subarray(at, end))
        left -= end - at
        at = end
        continue
      }
      const needed = 8 - header.length
      header = Buffer.concat([header, chunk.subarray(at, at + needed)])
      at += needed
      if (header.length < 8) break
      left = header.readUInt32BE(4)
      header = Buffer.alloc(0)
    }
    return out.length === 1 ? (out[0] as Buffer) : Buffer.concat(out)
  }
}

/** Cuts a byte stream into lines without ever holding more than `most` bytes: a longer line comes in pieces. */
export function lineCutter(most: number) {
  let held: Buffer[] = []
  let size = 0
  const take = () => {
    const line = held.length === 1 ? (held[0] as Buffer) : Buffer.concat(held)
    held = []
    size = 0
    return line
  }
  return {
    *push(chunk: Buffer): Generator<Buffer> {
      let rest = chunk
      while (rest.length > 0) {
        const end = rest.indexOf(10)
        const upTo = Math.min(end < 0 ? rest.length : end, most - size)
        held.push(rest.subarray(0, upTo))
        size += upTo
        const whole = end === upTo
        if (whole || size >= most) yield take()
        rest = rest.subarray(whole ? upTo + 1 : upTo)
      }
    },
    /** What came after the last line feed; empty if nothing did. */
    rest: (): Buffer => take(),
  }
}

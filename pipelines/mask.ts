// Secrets never reach a log: every form they are likely to be printed in is replaced as the bytes stream by.

const MASK = Buffer.from('[masked]')
/** Shorter values would blank out ordinary words. */
const SHORTEST = 8

/** The forms of a secret that are masked: as it is, base64 at each of the three alignments, URL-encoded, JSON-escaped, hex. */
function formsOf(secret: string): Buffer[] {
  const forms = new Set<string>([
    secret,
    encodeURIComponent(secret),
    JSON.stringify(secret).slice(1, -1),
    Buffer.from(secret).toString('hex'),
  ])
  for (const lead of [0, 1, 2]) {
    const encoded = Buffer.concat([Buffer.alloc(lead), Buffer.from(secret)]).toString('base64')
    // Only the characters that depend on the secret alone: the ends mix with what stands beside it.
    const inner = encoded.slice(Math.ceil((lead * 8) / 6), Math.floor(((lead + Buffer.byteLength(secret)) * 8) / 6))
    forms.add(inner)
    forms.add(inner.replaceAll('+', '-').replaceAll('/', '_'))
  }
  return [...forms].filter((f) => f.length >= SHORTEST).map((f) => Buffer.from(f))
}

/** Masks a stream of bytes, also where a secret is split between two writes. */
export class Mask {
  private readonly forms: Buffer[]
  private readonly keep: number
  private tail: Buffer = Buffer.alloc(0)

  constructor(secrets: readonly string[]) {
    this.forms = secrets
      .filter((s) => s.length >= SHORTEST)
      .flatMap(formsOf)
      .sort((a, b) => b.length - a.length)
    this.keep = Math.max(0, (this.forms[0]?.length ?? 0) - 1)
  }

  /** What can be shown now; the last bytes are held back while they may be the start of a secret. */
  push(bytes: Buffer): Buffer {
    if (this.forms.length === 0) return bytes
    const all = this.tail.length === 0 ? bytes : Buffer.concat([this.tail, bytes])
    const { out, rest } = this.replace(all)
    const held = this.startsSecret(rest)
    this.tail = Buffer.from(rest.subarray(rest.length - held))
    out.push(rest.subarray(0, rest.length - held))
    return Buffer.concat(out)
  }

  end(): Buffer {
    const last = this.tail
    this.tail = Buffer.alloc(0)
    return last
  }

  private replace(all: Buffer): { out: Buffer[]; rest: Buffer } {
    const out: Buffer[] = []
    let from = 0
    for (;;) {
      let at = -1
      let length = 0
      for (const form of this.forms) {
        const found = all.indexOf(form, from)
        if (found !== -1 && (at === -1 || found < at || (found === at && form.length > length))) {
          at = found
          length = form.length
        }
      }
      if (at === -1) return { out, rest: all.subarray(from) }
      out.push(all.subarray(from, at), MASK)
      from = at + length
    }
  }

  /** Length of the longest end of `bytes` that a secret may start with. */
  private startsSecret(bytes: Buffer): number {
    for (let n = Math.min(this.keep, bytes.length); n > 0; n--) {
      const end = bytes.subarray(bytes.length - n)
      if (this.forms.some((f) => f.length > n && f.subarray(0, n).equals(end))) return n
    }
    return 0
  }
}

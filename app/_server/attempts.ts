// How often a door may be tried. Held in memory: a restart forgets, which costs an attacker nothing worth having.

interface Bucket {
  count: number
  /** ms since the epoch */
  until: number
}

/** Counts tries per key in a fixed window. At most `keys` keys are held: the oldest makes room. */
export class Attempts {
  readonly #held = new Map<string, Bucket>()
  constructor(private readonly limit: { tries: number; windowMs: number; keys: number }) {}

  /** Milliseconds until this key may try again; 0: it may now. Looking does not count. */
  blockedFor(key: string, now: number): number {
    const bucket = this.#held.get(key)
    if (!bucket || bucket.until <= now || bucket.count < this.limit.tries) return 0
    return bucket.until - now
  }

  count(key: string, now: number) {
    const bucket = this.#held.get(key)
    if (bucket && bucket.until > now) {
      bucket.count++
      return
    }
    this.#held.delete(key)
    if (this.#held.size >= this.limit.keys) {
      const oldest = this.#held.keys().next().value
      if (oldest !== undefined) this.#held.delete(oldest)
    }
    this.#held.set(key, { count: 1, until: now + this.limit.windowMs })
  }

  /** Takes one count back: the try was a right one. */
  uncount(key: string) {
    const bucket = this.#held.get(key)
    if (bucket && bucket.count > 0) bucket.count--
  }

  forget(key: string) {
    this.#held.delete(key)
  }
}

// Whether something that all work needs can be reached now. Who meets a loss tells it here; while it lasts one probe asks, with
// growing pauses; the rest of the process does not try.
import type { Outage } from '../prisma/outage'

export class Reachable {
  #probing: Promise<void> | undefined
  readonly #closing = new AbortController()

  /** @param probe resolves where it answers */
  constructor(
    readonly outage: Outage,
    private readonly probe: () => Promise<unknown>,
  ) {}

  get away(): boolean {
    return this.outage.lasts
  }

  /** It failed: from now on it is away, until the probe is answered. */
  lost(error: unknown): void {
    if (this.#closing.signal.aborted) return
    this.outage.lost(error)
    this.#probing ??= this.#ask().finally(() => {
      this.#probing = undefined
    })
  }

  /** Resolves at once where it can be reached, else when it is back. Rejects where the worker stops meanwhile. */
  async back(): Promise<void> {
    while (this.#probing !== undefined) await this.#probing
    if (this.#closing.signal.aborted && this.away) throw new Error(`${this.outage.what} is away, and the worker stops`)
  }

  close(): void {
    this.#closing.abort()
    this.outage.close()
  }

  async #ask(): Promise<void> {
    const { signal } = this.#closing
    while (!signal.aborted) {
      await this.outage.pause(signal)
      if (signal.aborted) return
      try {
        await this.probe()
        this.outage.back()
        return
      } catch (error) {
        this.outage.lost(error)
      }
    }
  }
}

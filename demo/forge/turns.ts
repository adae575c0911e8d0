/** One piece of work after the other, by key. */
export class Turns {
  private readonly last = new Map<number, Promise<unknown>>()

  /** Runs the work when all earlier work of that key has ended, well or not. */
  take<T>(key: number, work: () => Promise<T>): Promise<T> {
    const turn = (this.last.get(key) ?? Promise.resolve()).then(work)
    const quiet = turn.catch(() => {}) // its own caller hears of it; the next in the row does not care
    this.last.set(key, quiet)
    return turn
  }
}

// Does work move? What is due, has a free place, and is not begun for a while, is stuck.
import type { Lane } from './jobs'

const STUCK_MS = 30_000
const MOVING_MS = 4_000
/** Work of these lanes may take long: with every place taken they are busy, not stuck. */
const LONG: readonly Lane[] = ['stages', 'deploys']

interface InLane {
  places: number
  inHand: number
  begunAt: number
  /** Something was ever begun. */
  moved: boolean
  /** Since when each thing that is due has been due, by its key. */
  due: Map<string, number>
}

export class Movement {
  private readonly lanes = new Map<Lane, InLane>()

  constructor(
    places: Record<Lane, number>,
    private readonly now: () => number = () => performance.now(),
  ) {
    for (const lane of Object.keys(places) as Lane[])
      this.lanes.set(lane, { places: places[lane], inHand: 0, begunAt: this.now(), moved: false, due: new Map() })
  }

  /** What a sweep found due. */
  swept(rows: readonly { lane: Lane; key: string }[]) {
    for (const [lane, at] of this.lanes) {
      const keys = rows.filter((row) => row.lane === lane).map(({ key }) => key)
      at.due = new Map(keys.map((key) => [key, at.due.get(key) ?? this.now()]))
    }
  }

  /** @returns how to say that it has ended */
  began(lane: Lane): () => void {
    const at = this.lanes.get(lane)
    if (at === undefined) return () => {}
    at.begunAt = this.now()
    at.moved = true
    at.inHand += 1
    return () => {
      at.inHand -= 1
    }
  }

  /** Something was begun within the last few seconds: what carries the work does carry it, however late it answers. */
  moves(): boolean {
    return [...this.lanes.values()].some(({ moved, begunAt }) => moved && this.now() - begunAt < MOVING_MS)
  }

  /** Lanes in which nothing moves, and for how long. */
  stuck(): { lane: Lane; seconds: number }[] {
    return [...this.lanes].flatMap(([lane, at]) => {
      const since = Math.max(Math.min(...at.due.values()), at.begunAt)
      const busy = LONG.includes(lane) && at.inHand >= at.places
      const ms = this.now() - since
      return at.due.size > 0 && !busy && ms > STUCK_MS ? [{ lane, seconds: Math.floor(ms / 1000) }] : []
    })
  }
}

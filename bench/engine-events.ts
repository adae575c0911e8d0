// The engine's own account of when a container was created, filled and started.
import type { IncomingMessage } from 'node:http'
import { dockerApi } from '../pipelines/engines/docker-api'

export interface EngineEvent {
  action: string
  container: string
  labels: Record<string, string>
  /** performance.now() when it was heard. */
  heardAt: number
  /** The engine's own stamp, ms since 1970. */
  at: number
}

interface Waiting {
  wanted: (event: EngineEvent) => boolean
  resolve: (event: EngineEvent) => void
}

const MOST_KEPT = 1000

/** Hears every container event of the engine while it is open. */
export class EngineEvents {
  readonly kept: EngineEvent[] = []
  private readonly waiting = new Set<Waiting>()
  private rest = ''

  private constructor(private readonly stream: IncomingMessage) {
    stream.on('data', (chunk: Buffer) => {
      const lines = (this.rest + chunk.toString()).split('\n')
      this.rest = lines.pop() ?? ''
      for (const line of lines) if (line !== '') this.hear(line)
    })
    stream.on('error', () => {}) // destroyed by close, or the engine went: then the wait's deadline says what did not come
  }

  static async open(): Promise<EngineEvents> {
    return new EngineEvents(
      await dockerApi().open({ method: 'GET', path: '/events', query: { filters: { type: ['container'] } } }),
    )
  }

  private hear(line: string) {
    const { Action, Actor, timeNano } = JSON.parse(line) as {
      Action: string
      Actor: { ID: string; Attributes: Record<string, string> }
      timeNano: number
    }
    const event = {
      action: Action,
      container: Actor.ID,
      labels: Actor.Attributes,
      heardAt: performance.now(),
      at: timeNano / 1e6,
    }
    this.kept.push(event)
    if (this.kept.length > MOST_KEPT) this.kept.shift()
    for (const one of this.waiting) if (one.wanted(event)) one.resolve(event)
  }

  /** The next such event. Ask before what causes it. */
  next(what: string, wanted: (event: EngineEvent) => boolean, deadlineMs = 30_000): Promise<EngineEvent> {
    return new Promise((resolve, reject) => {
      const one: Waiting = {
        wanted,
        resolve: (event) => {
          clearTimeout(late)
          this.waiting.delete(one)
          resolve(event)
        },
      }
      const late = setTimeout(() => {
        this.waiting.delete(one)
        reject(new Error(`the engine never told of ${what}`))
      }, deadlineMs)
      this.waiting.add(one)
    })
  }

  /** When the container took a step first, by the engine's clock; NaN: it was not heard of. */
  stamp(container: string, action: string): number {
    return this.kept.find((e) => e.container === container && e.action === action)?.at ?? Number.NaN
  }

  /** And when it did so last. */
  lastStamp(container: string, action: string): number {
    return this.kept.findLast((e) => e.container === container && e.action === action)?.at ?? Number.NaN
  }

  close() {
    this.stream.destroy()
  }
}

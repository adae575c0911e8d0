import pg from 'pg'
import { CHANNEL } from '../prisma/record'

const AGAIN_MS = [100, 500, 2_000, 5_000]

/** Listens to the record's doorbell, and comes back by itself when the connection is lost: the sweep covers the gap. */
export class Ear {
  private client: pg.Client | undefined
  private closed = false
  private failures = 0
  private timer: NodeJS.Timeout | undefined

  constructor(
    private readonly url: string,
    private readonly heard: (payload: string) => void,
  ) {}

  async open(): Promise<void> {
    const client = new pg.Client({
      connectionString: this.url,
      application_name: 'shiplock ear',
      keepAlive: true,
      connectionTimeoutMillis: 10_000,
    })
    client.on('notification', (n) => this.heard(n.payload ?? ''))
    client.on('error', () => this.again(client))
    client.on('end', () => this.again(client))
    this.client = client
    await client.connect()
    await client.query(`LISTEN ${CHANNEL}`)
    this.failures = 0
  }

  async close() {
    this.closed = true
    clearTimeout(this.timer)
    await this.client?.end()
  }

  private again(client: pg.Client) {
    if (this.closed || this.client !== client) return
    this.client = undefined
    const wait = AGAIN_MS[Math.min(this.failures++, AGAIN_MS.length - 1)]
    this.timer = setTimeout(() => {
      this.open().catch((error: Error) => {
        console.warn(`cannot hear the record yet: ${error.message}`)
        const current = this.client
        if (current !== undefined) this.again(current)
      })
    }, wait)
  }
}

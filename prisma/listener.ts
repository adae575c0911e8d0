// One connection that listens to notifications. It comes back by itself when it was lost; what was notified meanwhile is gone,
// so everybody is told to look again.
import type pg from 'pg'
import { ownConnection } from './connections'
import { Outage } from './outage'

/** Detects a connection that is dead and was never closed. */
const PING_MS = 20_000
const ANSWER_WITHIN_MS = 10_000

interface Subscription {
  channel: string
  notified: (payload: string) => void
  /** Notifications may have been missed. */
  missed: () => void
}

const CHANNEL = /^[a-z_]{1,60}$/

export class Listener {
  readonly #subscriptions = new Set<Subscription>()
  #client: pg.Client | undefined
  #ping: NodeJS.Timeout | undefined
  #closing = new AbortController()
  #opened: Promise<void> | undefined
  #lostBefore = false

  /** @param name as PostgreSQL shows this connection */
  constructor(
    private readonly url: string,
    private readonly name: string,
    private readonly outage = new Outage('The connection that listens to the database'),
  ) {}

  /** True: notifications are being received at this moment. */
  get listening(): boolean {
    return this.#client !== undefined
  }

  /** @returns how to stop hearing of it */
  async on(channel: string, notified: (payload: string) => void, missed: () => void = () => {}): Promise<() => void> {
    if (!CHANNEL.test(channel)) throw new Error(`not a channel: ${channel}`)
    const subscription = { channel, notified, missed }
    const known = [...this.#subscriptions].some((s) => s.channel === channel)
    this.#subscriptions.add(subscription)
    // Where it fails, the connection is lost, and the next one subscribes to all.
    if (!known) await this.#client?.query(`LISTEN ${channel}`).catch(() => {})
    return () => void this.#subscriptions.delete(subscription)
  }

  /** Connects; when that fails it goes on trying in the background. Safe to call twice. */
  open(): Promise<void> {
    this.#opened ??= this.#connect()
    return this.#opened
  }

  async close(): Promise<void> {
    this.#closing.abort()
    clearInterval(this.#ping)
    const client = this.#client
    this.#client = undefined
    await client?.end().catch(() => {}) // it is gone already
  }

  async #connect(): Promise<void> {
    if (this.#closing.signal.aborted) return
    const client = ownConnection({
      connectionString: this.url,
      application_name: this.name,
      keepAlive: true,
      connectionTimeoutMillis: ANSWER_WITHIN_MS,
      query_timeout: ANSWER_WITHIN_MS,
    })
    let gone = false
    const lost = (error: unknown) => {
      if (gone) return
      gone = true
      if (this.#client === client) this.#client = undefined
      clearInterval(this.#ping)
      client.end().catch(() => {}) // it is gone already; this only frees what is left of it
      void this.#again(error)
    }
    client.on('error', lost)
    client.on('end', () => lost(new Error('its connection was closed')))
    client.on('notification', ({ channel, payload }) => {
      for (const s of this.#subscriptions) if (s.channel === channel) s.notified(payload ?? '')
    })
    try {
      await client.connect()
      const done = new Set<string>()
      // A subscription may be added while the server is waited for.
      for (const { channel } of this.#subscriptions) {
        if (!done.has(channel)) await client.query(`LISTEN ${channel}`)
        done.add(channel)
      }
    } catch (error) {
      lost(error)
      return
    }
    if (this.#closing.signal.aborted) return lost(new Error('it is closed'))
    if (gone) return
    this.#client = client
    this.#ping = setInterval(() => void client.query('SELECT').catch(lost), PING_MS)
    this.#ping.unref()
    this.outage.back()
    if (this.#lostBefore) for (const { missed } of this.#subscriptions) missed()
    this.#lostBefore = false
  }

  async #again(error: unknown) {
    const { signal } = this.#closing
    if (signal.aborted) return
    this.#lostBefore = true
    this.outage.lost(error)
    await this.outage.pause(signal)
    await this.#connect()
  }
}

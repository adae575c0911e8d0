// Webhooks as GitLab 19 sends them: every header, token and signature, ten seconds, no retry, no redirect.
import { createHmac, randomUUID } from 'node:crypto'
import type { Mischief } from './mischief'

export interface Hook {
  id: number
  url: string
  token: string | null
  signingKey: Buffer | null
  pushEvents: boolean
  tagPushEvents: boolean
  mergeRequestsEvents: boolean
  sslVerification: boolean
  name: string
  createdAt: string
}

export interface Sent {
  id: number
  hookId: number
  key: string
  event: string
  body: string
  at: string
  status: number | 'failed'
  error?: string
}

const TIMEOUT_MS = 10_000
const MOST_REMEMBERED = 1_000

export class Sender {
  readonly sent: Sent[] = []
  private readonly underway = new Set<Promise<void>>()
  private held: (() => void)[] = []
  private last = 0

  constructor(
    private readonly instance: () => string,
    private readonly mischief: Mischief,
  ) {}

  /** Sends an event to a hook, as often and as late as it was ordered. Returns at once. */
  send(hook: Hook, event: string, payload: object, key = randomUUID()) {
    if (this.mischief.drops()) return
    const body = JSON.stringify(payload)
    const { duplicate = 0, delayMs = 0, reorder = false } = this.mischief.orders.webhooks ?? {}
    const go = () => {
      for (let copy = 0; copy <= duplicate; copy++)
        this.track(this.later(delayMs).then(() => this.deliver(hook, event, body, key)))
    }
    if (!reorder) return go()
    // Reordered: the newer goes first; an event with no successor goes after a moment all the same.
    this.held.unshift(go)
    setTimeout(() => this.release(), 300)
  }

  resend = (hook: Hook, sent: Sent) => this.deliver(hook, sent.event, sent.body, sent.key)

  async idle() {
    while (this.underway.size > 0) await Promise.all(this.underway)
  }

  private release() {
    const held = this.held
    this.held = []
    for (const go of held) go()
  }

  private later = (ms: number) =>
    ms === 0 ? Promise.resolve() : new Promise<void>((resolve) => setTimeout(resolve, ms).unref())

  /** What `idle` waits for. */
  track(work: Promise<unknown>) {
    const done = work.then(() => {}).finally(() => this.underway.delete(done))
    this.underway.add(done)
  }

  private async deliver(hook: Hook, event: string, body: string, key: string) {
    const sent: Sent = {
      id: ++this.last,
      hookId: hook.id,
      key,
      event,
      body,
      at: new Date().toISOString(),
      status: 'failed',
    }
    this.sent.push(sent)
    if (this.sent.length > MOST_REMEMBERED) this.sent.shift()
    try {
      const answer = await fetch(hook.url, {
        method: 'POST',
        body,
        headers: this.headers(hook, event, body, key),
        redirect: 'manual',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      })
      sent.status = answer.status
      await answer.arrayBuffer()
    } catch (error) {
      sent.error = (error as Error).message
    }
    return sent
  }

  private headers(hook: Hook, event: string, body: string, key: string): Record<string, string> {
    const at = String(Math.floor(Date.now() / 1000))
    return {
      'Content-Type': 'application/json',
      'User-Agent': 'GitLab/19.3.0',
      'X-Gitlab-Event': event,
      'X-Gitlab-Instance': this.instance(),
      'X-Gitlab-Webhook-UUID': randomUUID(),
      'X-Gitlab-Event-UUID': randomUUID(),
      'Idempotency-Key': key,
      'webhook-id': key,
      'webhook-timestamp': at,
      ...(hook.token === null ? {} : { 'X-Gitlab-Token': hook.token }),
      ...(hook.signingKey === null
        ? {}
        : {
            'webhook-signature': `v1,${createHmac('sha256', hook.signingKey).update(`${key}.${at}.${body}`).digest('base64')}`,
          }),
    }
  }
}

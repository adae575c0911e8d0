// Webhooks as GitLab sends them: every header, token and signature, ten seconds, no retry, no redirect.
import { createHmac, randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { BranchFilter } from './branch-names'
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
  /** Of pushes to branches; tags are never filtered. */
  filter: BranchFilter
  name: string
  createdAt: string
  /** Why nothing is sent to it; null: it is in use. A time (ISO) when that ends, or never by itself. */
  disabled: { status: 'temporarily_disabled' | 'disabled'; until: string | null } | null
}

/** As the API tells of it. */
export function alertOf(
  hook: Pick<Hook, 'disabled'>,
  now = Date.now(),
): { alert_status: string; disabled_until: string | null } {
  const { disabled } = hook
  const over = disabled?.until != null && Date.parse(disabled.until) <= now
  return disabled === null || over
    ? { alert_status: 'executable', disabled_until: null }
    : { alert_status: disabled.status, disabled_until: disabled.until }
}

/** The first pause that GitLab makes after failures. */
const PAUSE_MS = 60_000

export function disable(hook: Hook, status: 'temporarily_disabled' | 'disabled', now = Date.now()) {
  const until = status === 'disabled' ? null : new Date(now + PAUSE_MS).toISOString()
  hook.disabled = { status, until }
}

export interface Sent {
  id: number
  hookId: number
  key: string
  event: string
  body: string
  at: string
  status: number | 'failed'
  /** What the receiver said, its first 8 KB. */
  answer?: string
  error?: string
}

const TIMEOUT_MS = 10_000
const MOST_REMEMBERED = 1_000
/** GitLab keeps no more of an answer. */
const MAX_ANSWER = 8 * 1024
/** How long a held-back event waits for a newer one to overtake it. */
const REORDER_MS = 300
/** How long what is already being sent may take once the forge closes. */
const CLOSE_MS = 1_000

/** Who sends: the address of the instance, and what GitLab it is. Asked for each time, for a port is known late. */
export interface Instance {
  url: string
  version: string
  signing: boolean
}

/** The headers of one delivery, each API's own. */
type HeadersOf<H> = (hook: H, event: string, body: string, key: string) => Record<string, string>

export class Sender<H extends Pick<Hook, 'id' | 'url' | 'disabled'> = Hook> {
  readonly sent: Sent[] = []
  private readonly underway = new Set<Promise<void>>()
  private held: (() => void)[] = []
  private last = 0
  /** Ends waits. */
  private readonly closing = new AbortController()
  /** Ends what is being sent. */
  private readonly cutOff = new AbortController()

  constructor(
    private readonly mischief: Mischief,
    private readonly headersOf: HeadersOf<H>,
  ) {}

  /** Sends an event to a hook, as often and as late as it was ordered. Returns at once. */
  send(hook: H, event: string, payload: object, key = randomUUID()) {
    if (alertOf(hook).alert_status !== 'executable' || this.mischief.drops()) return
    const body = JSON.stringify(payload)
    const { duplicate = 0, delayMs = 0, reorder = false } = this.mischief.orders.webhooks ?? {}
    const go = () => {
      for (let copy = 0; copy <= duplicate; copy++)
        this.track(this.after(delayMs, () => this.deliver(hook, event, body, key)))
    }
    if (!reorder) return go()
    // Reordered: the newer goes first; an event with no successor goes after a moment all the same.
    this.held.unshift(go)
    this.track(this.after(REORDER_MS, async () => this.release()))
  }

  /** Sends at once, whatever was ordered. */
  sendNow = (hook: H, event: string, payload: object) =>
    this.deliver(hook, event, JSON.stringify(payload), randomUUID())

  resend = (hook: H, sent: Sent) => this.deliver(hook, sent.event, sent.body, sent.key)

  async idle() {
    while (this.underway.size > 0) await Promise.all(this.underway)
  }

  /** Drops what is still to be sent, gives what is being sent a moment, and cuts it off then. */
  async close() {
    this.closing.abort()
    const late = setTimeout(() => this.cutOff.abort(), CLOSE_MS)
    await Promise.race([this.idle(), new Promise((done) => this.cutOff.signal.addEventListener('abort', done))])
    clearTimeout(late)
  }

  private release() {
    const held = this.held
    this.held = []
    for (const go of held) go()
  }

  /** Waits, then works; closing drops the work, and what would only begin after it. */
  private async after(ms: number, work: () => Promise<unknown>) {
    if (ms > 0) await pause(ms, undefined, { signal: this.closing.signal, ref: false }).catch(() => {}) // closing: below
    if (!this.closing.signal.aborted) await work()
  }

  /** What `idle` waits for. */
  track(work: Promise<unknown>) {
    const done = work.then(() => {}).finally(() => this.underway.delete(done))
    this.underway.add(done)
  }

  private async deliver(hook: H, event: string, body: string, key: string): Promise<Sent> {
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
        headers: this.headersOf(hook, event, body, key),
        redirect: 'manual',
        signal: AbortSignal.any([AbortSignal.timeout(TIMEOUT_MS), this.cutOff.signal]),
      })
      sent.status = answer.status
      sent.answer = await beginningOf(answer)
    } catch (error) {
      sent.error = (error as Error).message
    }
    return sent
  }
}

export const gitlabHeaders =
  (instance: () => Instance): HeadersOf<Hook> =>
  (hook, event, body, key) => {
    const { url, version, signing } = instance()
    return {
      'Content-Type': 'application/json',
      'User-Agent': `GitLab/${version}`,
      'X-Gitlab-Event': event,
      'X-Gitlab-Instance': url,
      'X-Gitlab-Webhook-UUID': randomUUID(),
      'X-Gitlab-Event-UUID': randomUUID(),
      'Idempotency-Key': key,
      ...(hook.token === null ? {} : { 'X-Gitlab-Token': hook.token }),
      ...(signing ? signature(hook.signingKey, key, body) : {}),
    }
  }

/** Standard Webhooks, since GitLab 19. */
function signature(signingKey: Buffer | null, key: string, body: string): Record<string, string> {
  const at = String(Math.floor(Date.now() / 1000))
  const sent = { 'webhook-id': key, 'webhook-timestamp': at }
  if (signingKey === null) return sent
  const mac = createHmac('sha256', signingKey).update(`${key}.${at}.${body}`).digest('base64')
  return { ...sent, 'webhook-signature': `v1,${mac}` }
}

async function beginningOf(answer: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of answer.body ?? []) {
    chunks.push(chunk)
    size += chunk.length
    if (size >= MAX_ANSWER) break
  }
  return Buffer.concat(chunks).toString('utf8', 0, MAX_ANSWER)
}

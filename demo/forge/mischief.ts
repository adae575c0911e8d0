// Orders to misbehave, so that tests and people can see what Shiplock does about it.
import { z } from 'zod'

export interface ApiMischief {
  /** Absent: it is answered as it should be, late. */
  status?: 429 | 500 | 502
  /** Seconds, sent as Retry-After. */
  retryAfter?: number
  /** How many requests it befalls. */
  times: number
  /** Pattern of `METHOD /path`; absent: every request of the API. */
  match?: string
  /** The request waits this long first. */
  delayMs?: number
}

export interface Orders {
  webhooks?: {
    duplicate?: number
    delayMs?: number
    reorder?: boolean
    drop?: number
    /** Every hook that there is now: switched off, as after too many failures. A test request that succeeds switches it on. */
    disable?: 'temporarily_disabled' | 'disabled'
  }
  mergeRequests?: {
    /** How long after each push the forge still looks whether one can be merged, and does not merge it. */
    checkingMs?: number
  }
  api?: ApiMischief[]
  /** Every API and git request waits this long first. */
  slowMs?: number
  /** Every API and git request is cut off without an answer. */
  down?: boolean
}

const isPattern = (text: string) => {
  try {
    return new RegExp(text) instanceof RegExp
  } catch {
    return false // that is the answer
  }
}

const count = z.number().min(0)
const Orders = z.strictObject({
  webhooks: z
    .strictObject({
      duplicate: count.max(100),
      delayMs: count,
      reorder: z.boolean(),
      drop: count,
      disable: z.enum(['temporarily_disabled', 'disabled']),
    })
    .partial()
    .optional(),
  mergeRequests: z.strictObject({ checkingMs: count }).partial().optional(),
  api: z
    .array(
      z.strictObject({
        status: z.literal([429, 500, 502]).optional(),
        retryAfter: count.optional(),
        times: count,
        match: z.string().max(500).refine(isPattern, 'is not a regular expression').optional(),
        delayMs: count.optional(),
      }),
    )
    .optional(),
  slowMs: count.optional(),
  down: z.boolean().optional(),
})

/** Orders that make no sense; its message says which. */
export class BadOrders extends Error {}

export class Mischief {
  private current: Orders = {}

  get orders(): Readonly<Orders> {
    return this.current
  }

  get checkingMs(): number {
    return this.current.mergeRequests?.checkingMs ?? 0
  }

  /** @throws BadOrders; then the earlier orders stand */
  obey(orders: unknown) {
    const read = Orders.safeParse(orders)
    if (!read.success) {
      const issue = read.error.issues[0]
      throw new BadOrders(`${issue?.path.join('.') || 'orders'}: ${issue?.message ?? 'not understood'}`)
    }
    // A copy: orders are counted down here, and are whoever gave them's to use again.
    this.current = structuredClone(read.data)
  }

  /** The order that befalls this request, counted down; null: it is answered as it should be. */
  befalls(method: string, path: string): ApiMischief | null {
    for (const order of this.current.api ?? []) {
      if (order.times <= 0) continue
      if (order.match !== undefined && !new RegExp(order.match).test(`${method} ${path}`)) continue
      order.times--
      return order
    }
    return null
  }

  /** One fewer webhook to lose. */
  drops(): boolean {
    const webhooks = this.current.webhooks
    if (!webhooks?.drop) return false
    webhooks.drop--
    return true
  }
}

// Orders to misbehave, so that tests and people can see what Shiplock does about it.

export interface ApiMischief {
  status: 429 | 500 | 502
  /** Seconds, sent as Retry-After. */
  retryAfter?: number
  /** How many requests it befalls. */
  times: number
  /** `METHOD /path-pattern`; absent: every request of the API. */
  match?: string
}

export interface Orders {
  webhooks?: { duplicate?: number; delayMs?: number; reorder?: boolean; drop?: number }
  api?: ApiMischief[]
  /** Every API and git request waits this long first. */
  slowMs?: number
  /** Every API and git request is cut off without an answer. */
  down?: boolean
}

export class Mischief {
  orders: Orders = {}

  obey(orders: Orders) {
    this.orders = orders
  }

  /** The order that befalls this request, counted down; null: it is answered as it should be. */
  befalls(method: string, path: string): ApiMischief | null {
    for (const order of this.orders.api ?? []) {
      if (order.times <= 0) continue
      if (order.match !== undefined && !new RegExp(order.match).test(`${method} ${path}`)) continue
      order.times--
      return order
    }
    return null
  }

  /** One fewer webhook to lose. */
  drops(): boolean {
    const webhooks = this.orders.webhooks
    if (!webhooks?.drop) return false
    webhooks.drop--
    return true
  }
}

// The RateLimit headers of GitLab's throttle (Rack::Attack). They count and never refuse: a 429 is ordered by
// `misbehave`, so that no test or demo meets one by chance.

/** What an instance allows an authenticated user when an administrator turns its limits on. */
const PER_HOUR = 7_200
const HOUR_S = 3_600

type Headers = Record<string, string>

const headersOf = (name: string, observed: number, resetAt: number): Headers => ({
  'ratelimit-name': name,
  'ratelimit-limit': String(PER_HOUR),
  'ratelimit-observed': String(observed),
  'ratelimit-remaining': String(Math.max(0, PER_HOUR - observed)),
  'ratelimit-reset': String(resetAt),
  'ratelimit-resettime': new Date(resetAt * 1000).toUTCString(),
})

export class Limits {
  private readonly windows = new Map<number | null, { until: number; observed: number }>()

  /** Counts a request of a user, or of nobody known. @param now milliseconds */
  count(userId: number | null, now = Date.now()): Headers {
    const seconds = Math.floor(now / 1000)
    let window = this.windows.get(userId)
    if (window === undefined || window.until <= seconds) {
      window = { until: (Math.floor(seconds / HOUR_S) + 1) * HOUR_S, observed: 0 }
      this.windows.set(userId, window)
    }
    window.observed++
    return headersOf(
      userId === null ? 'throttle_unauthenticated_api' : 'throttle_authenticated_api',
      window.observed,
      window.until,
    )
  }

  /** Of a request that is turned away. @param retryAfter seconds */
  static spent(retryAfter: number, now = Date.now()): Headers {
    return headersOf('throttle_authenticated_api', PER_HOUR + 1, Math.floor(now / 1000) + retryAfter)
  }
}

// Durations and sizes as the Compose specification writes them.

const DURATION = /^(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?(?:(\d{1,9})ms)?$/
const SIZE = /^(\d{1,12})(b|k|kb|m|mb|g|gb)$/i

/** "1m30s", "500ms", "1h": milliseconds; null where it is no duration. */
export function parseDuration(text: string): number | null {
  const found = text === '' ? null : DURATION.exec(text)
  if (!found) return null
  const [hours, minutes, seconds, ms] = found.slice(1).map((n) => Number(n ?? 0))
  return (hours ?? 0) * 3_600_000 + (minutes ?? 0) * 60_000 + (seconds ?? 0) * 1000 + (ms ?? 0)
}

const POWER: Record<string, number> = { b: 0, k: 1, m: 2, g: 3 }

/** "512m", "4gb": bytes, a kilobyte being 1024; null where it is no size. */
export function parseSize(text: string): number | null {
  const found = SIZE.exec(text)
  if (!found) return null
  return Number(found[1]) * 1024 ** (POWER[found[2]?.[0]?.toLowerCase() ?? 'b'] ?? 0)
}

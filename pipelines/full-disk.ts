// What an error says of a disk: that it has no room left, or nothing. Pure.

/** What a server or the system calls it: PostgreSQL, a file, a quota. */
const CODES = new Set(['53100', 'ENOSPC', 'EDQUOT', 'storage.full'])
/** An engine, and git, say it in words alone. */
const WORDS = /no space left on device|disk quota exceeded/i
const MOST_CAUSES = 6

/** Drivers wrap what the database said: it is looked for below, a few levels deep. */
export function isFull(error: unknown, levels = MOST_CAUSES): boolean {
  if (typeof error !== 'object' || error === null || levels === 0) return false
  const { code, originalCode, message, cause, meta, driverAdapterError } = error as Record<string, unknown>
  if (code === 'storage.short') return false
  return (
    CODES.has(String(code)) ||
    CODES.has(String(originalCode)) ||
    WORDS.test(String(message ?? '')) ||
    [cause, meta, driverAdapterError].some((inner) => isFull(inner, levels - 1))
  )
}

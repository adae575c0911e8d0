// Durations and sizes in words. Pure.

const UNITS = { en: ['h', 'm', 's'], zh: ['小时', '分', '秒'] } as const

/** 240 ms → "0.2s", 72,000 ms → "1m 12s". Two units are enough. */
export function duration(ms: number, locale: string): string {
  const [h, m, s] = locale.startsWith('zh') ? UNITS.zh : UNITS.en
  if (ms < 9_950) return `${(ms / 1000).toFixed(1)}${s}`
  const seconds = Math.round(ms / 1000)
  if (seconds < 60) return `${seconds}${s}`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes}${m} ${String(seconds % 60).padStart(2, '0')}${s}`
  return `${Math.floor(minutes / 60)}${h} ${String(minutes % 60).padStart(2, '0')}${m}`
}

const SIZES = ['B', 'KB', 'MB', 'GB', 'TB'] as const

/** 1,900,000,000 → "1.9 GB". Decimal, as disks and forges count. */
export function size(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1000 && unit < SIZES.length - 1) {
    value /= 1000
    unit++
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${SIZES[unit]}`
}

const STEPS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
] as const

/** "3h ago", "in 12s". `ms` is positive for what lies ahead. */
export function relative(ms: number, locale: string): string {
  const format = new Intl.RelativeTimeFormat(locale, { numeric: 'always', style: 'narrow' })
  const [unit, step] = STEPS.find(([, s]) => Math.abs(ms) >= s) ?? STEPS[3]
  return format.format(Math.trunc(ms / step), unit)
}

export const shortDigest = (digest: string) => digest.replace(/^sha256:/, '').slice(0, 12)
export const shortCommit = (commit: string) => commit.slice(0, 8)

// A policy as the file that it could have come from. Pure.
import { stringify } from 'yaml'
import { EnvironmentPolicy } from './environment'

const UNITS = [
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
] as const

/** 5400000: `1h30m` */
export function durationText(ms: number): string {
  let left = ms
  let text = ''
  for (const [unit, length] of UNITS) {
    const count = Math.floor(left / length)
    left -= count * length
    if (count > 0) text += `${count}${unit}`
  }
  return text === '' ? '0s' : text
}

/** 536870912: `512m`; a number that is no whole kilobyte stays one. */
export function sizeText(bytes: number): string | number {
  for (const [unit, power] of [['g', 3] as const, ['m', 2] as const, ['k', 1] as const])
    if (bytes > 0 && bytes % 1024 ** power === 0) return `${bytes / 1024 ** power}${unit}`
  return bytes
}

/** In the order of the schema, with times and sizes as people write them. Read again, it gives the same policy. */
export function policyAsYaml(policy: EnvironmentPolicy): string {
  const { soak, approval_expires, remind, limits } = policy
  const written: Record<string, unknown> = {
    ...policy,
    soak: soak === undefined ? undefined : durationText(soak),
    approval_expires: durationText(approval_expires),
    remind: remind === undefined ? undefined : durationText(remind),
    limits:
      limits === undefined
        ? undefined
        : { ...limits, memory: limits.memory === undefined ? undefined : sizeText(limits.memory) },
  }
  const ordered = Object.keys(EnvironmentPolicy.shape).flatMap((key) =>
    written[key] === undefined ? [] : [[key, written[key]] as const],
  )
  return stringify(Object.fromEntries(ordered), { keepUndefined: false, lineWidth: 100 })
}

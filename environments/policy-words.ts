// A difference as people read it. Pure.
import { stringify } from 'yaml'
import type { Json } from '../audit/canonical'
import type { PolicyDifference } from './policy-difference'
import { durationText, sizeText } from './policy-yaml'

const TIMES: ReadonlySet<string> = new Set(['soak', 'approval_expires', 'remind'])

function text(path: string, value: Json): string | null {
  if (value === null) return null
  if (typeof value === 'number' && TIMES.has(path)) return durationText(value)
  if (typeof value === 'number' && path === 'limits.memory') return String(sizeText(value))
  return stringify(value, { collectionStyle: 'flow', lineWidth: 0 }).trim()
}

/** Values as they would stand in the file: `4h`, `512m`, `{ role: ops, count: 1 }`. */
export const differenceInWords = ({ path, before, after }: PolicyDifference) => ({
  path,
  before: text(path, before),
  after: text(path, after),
})

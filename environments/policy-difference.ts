// What is another in one policy than in another one. Pure.
import { canonical, type Json } from '../audit/canonical'

/** `before` or `after` null: it is not in the one, or the other. */
export interface PolicyDifference {
  /** `limits.memory`, `approvals[0]`; an item of a list is one thing. */
  path: string
  before: Json
  after: Json
}

type Members = Readonly<Record<string, Json | undefined>>
const isObject = (value: Json | undefined): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isList = (value: Json | undefined): value is readonly Json[] => Array.isArray(value)
const same = (a: Json | undefined, b: Json | undefined) => canonical(a ?? null) === canonical(b ?? null)

/** In the order of the first policy's keys, then what only the second one has. */
export function policyDifference(before: object, after: object): PolicyDifference[] {
  return ofObjects(before as Members, after as Members, '')
}

function ofObjects(a: Members, b: Members, above: string): PolicyDifference[] {
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])]
  return keys.flatMap((key) => {
    const [before, after] = [a[key], b[key]]
    if (same(before, after)) return []
    const path = above === '' ? key : `${above}.${key}`
    if (isObject(before ?? after) && isObject(after ?? before))
      return ofObjects((before ?? {}) as Members, (after ?? {}) as Members, path)
    if (isList(before) && isList(after)) return ofLists(before, after, path)
    return [{ path, before: before ?? null, after: after ?? null }]
  })
}

/** An item that was put in or taken out is told once, and does not make another of every one behind it. */
function ofLists(a: readonly Json[], b: readonly Json[], path: string): PolicyDifference[] {
  const [gone, come] = [without(a, b), without(b, a)]
  if (gone.length + come.length === 0) return [{ path, before: a, after: b }]
  return [
    ...gone.map(({ item, at }) => ({ path: `${path}[${at}]`, before: item, after: null })),
    ...come.map(({ item, at }) => ({ path: `${path}[${at}]`, before: null, after: item })),
  ]
}

/** What the first list has oftener than the second, with its place. */
function without(list: readonly Json[], other: readonly Json[]): { item: Json; at: number }[] {
  const left = other.map((item) => canonical(item))
  return list.flatMap((item, at) => {
    const found = left.indexOf(canonical(item))
    if (found < 0) return [{ item, at }]
    left.splice(found, 1)
    return []
  })
}

// Keyset paging: newest first by id, and the cursor is the last id that was given.
import { Fault } from '../pipelines/fault'
import type { PageOf } from './shapes'

export const DEFAULT_LIMIT = 25
export const MAX_LIMIT = 100
const MAX_ID = 2 ** 31 - 1

export interface PageAsk {
  /** `next` of the page before */
  after?: string | undefined
  /** 1 to 100; 25 where it is absent */
  limit?: number | undefined
}

/** Prisma's arguments for one page: one row more than is shown tells whether there is another. Throws input.invalid. */
export function onePage(ask: PageAsk) {
  const limit = Math.min(Math.max(Math.trunc(ask.limit ?? DEFAULT_LIMIT), 1), MAX_LIMIT)
  const after = ask.after === undefined ? null : Number(ask.after)
  if (after !== null && !(Number.isInteger(after) && after > 0 && after <= MAX_ID))
    throw new Fault(
      'input.invalid',
      `after: ${JSON.stringify(ask.after?.slice(0, 40))} is no cursor: pass the \`next\` of the page before`,
    )
  return {
    limit,
    take: limit + 1,
    orderBy: { id: 'desc' } as const,
    before: after === null ? {} : { id: { lt: after } },
  }
}

/** Cuts the extra row off again. */
export function asPage<R extends { id: number }, T>(
  rows: readonly R[],
  limit: number,
  shape: (row: R) => T,
): PageOf<T> {
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  return { items: shown.map(shape), next: rows.length > limit && last ? String(last.id) : null }
}

/** An id that can be in the record: what is none cannot be found. */
export const isId = (id: number) => Number.isInteger(id) && id > 0 && id <= MAX_ID

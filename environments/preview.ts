import type { RecordHandle } from '../prisma/client'
import { type Supposed, supposeFacts } from './facts'
import { type Judged, judge } from './gate'

/** What the gates would say of a promotion that nobody has asked for yet. Null: the project has no such environment. */
export async function previewGates(handle: RecordHandle, what: Supposed): Promise<Judged | null> {
  const facts = await supposeFacts(handle.pool, what)
  return facts === null ? null : judge(facts)
}

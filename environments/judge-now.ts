import type { Trust } from '../audit/trust'
import type { Tx } from '../prisma/record'
import { readFacts } from './facts'
import { type Judged, judge } from './gate'

/** The gates at this moment. Null: there is no such promotion. */
export async function judgeNow(tx: Tx, promotionId: number, trust: Trust): Promise<Judged | null> {
  const facts = await readFacts(tx, promotionId, trust)
  return facts === null ? null : judge(facts)
}

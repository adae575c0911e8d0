import type { RecordHandle } from '../prisma/client'
import { ring, transaction } from '../prisma/record'
import { UNAGREED } from './policy-agreed'

/**
 * At the start of a worker: policies that none agreed to are looked at again, since the installation's files may be others now.
 * Only a worker writes which version is in force.
 */
export async function lookAgainAtPolicies(record: RecordHandle): Promise<void> {
  await transaction(record, async (tx) => {
    const { rows } = await tx.query<{ id: number }>(
      'UPDATE "Environment" SET "policyVersion" = 0 WHERE "policyVersion" = $1 RETURNING id',
      [UNAGREED],
    )
    for (const { id } of rows) await ring(tx, `environment:${id}:unagreed`)
  })
}

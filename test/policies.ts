// Policies of a test's own: as a worker would have agreed to them.
import { openSigner } from '../audit/keys'
import { putIntoForce } from '../environments/agree-policy'
import { EnvironmentPolicy } from '../environments/environment'
import { rememberAgreed } from '../environments/policy-memory'
import type { RecordHandle } from '../prisma/client'
import { transaction } from '../prisma/record'

type Changes = Partial<Record<keyof EnvironmentPolicy, unknown>>

/** Folders of a Shiplock under test: below `dir` of given.ts, of the same names. */
interface Folders {
  keys: string
  trail: string
}

/**
 * Changes an environment's policy as a new version that is in force, with a real certificate. `null` takes a key out.
 * @returns the version
 */
export async function agreed(
  record: RecordHandle,
  { keys, trail }: Folders,
  environmentId: number,
  changes: Changes = {},
): Promise<number> {
  const context = { signer: openSigner(keys), worker: 'test' }
  const version = await transaction(record, async (tx) => {
    const { rows } = await tx.query<{ id: number; projectId: number; name: string; policy: object; version: number }>(
      `SELECT id, "projectId", name, policy, GREATEST("policyVersion", 0) AS version FROM "Environment" WHERE id = $1 FOR UPDATE`,
      [environmentId],
    )
    const place = rows[0]
    if (place === undefined) throw new Error(`there is no environment ${environmentId}`)
    const merged = Object.entries({ ...place.policy, ...changes }).filter(([, value]) => value !== null)
    const policy = EnvironmentPolicy.parse(Object.fromEntries(merged))
    await putIntoForce(context, tx, place, {
      version: place.version + 1,
      policy,
      because: 'the test wants it so',
      authorId: null,
      authorName: 'the test',
      changeId: null,
    })
    return place.version + 1
  })
  rememberAgreed(trail, { [environmentId]: version })
  return version
}

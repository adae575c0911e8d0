import type { Json } from '../audit/canonical'
import { asWorker, type Context } from '../pipelines/context'
import { NOW, record, ring, type Tx, transaction } from '../prisma/record'
import { putIntoForce } from './agree-policy'
import { agreedBy } from './answers'
import { APPROVAL } from './approval'
import { EnvironmentPolicy } from './environment'
import { policySha, whyNotInForce } from './policy-agreed'
import { POLICY_CHANGE } from './policy-change'
import { whatDoesNotFit } from './policy-check'
import { policyDifference } from './policy-difference'
import { rememberAgreed } from './policy-memory'
import { inTrail, othersOf } from './propose-policy'

/** A proposal that waits for people is looked at again after this, and at once when it is rung. */
const LATER_MS = 60_000

interface Change {
  id: number
  baseVersion: number
  policy: object
  reason: string
  authorId: number
  authorName: string
  epoch: number
  environmentId: number
  projectId: number
  environment: string
  removedBecause: string | null
  now: object
  version: number
  certificate: string | null
  authorMay: boolean
}

/**
 * Applies a policy change once everybody has agreed to it who must, by the policy that is in force now and that a worker
 * certified: what a row says on its own counts for nothing here.
 */
export async function applyPolicyChange(context: Context, id: number): Promise<void> {
  const agreed = await transaction(context.record, async (tx) => {
    const change = await takeChange(tx, id)
    if (change === null) return null
    const { environmentId, version } = change
    const over = await whyOver(tx, change)
    if (over !== null) {
      await end(context, tx, change, over)
      return null
    }
    const not = whyNotInForce({ ...change, name: change.environment, policy: change.now as Json }, context.trust)
    const { enough, because } = not === null ? await isAgreed(context, tx, change) : { enough: false, because: not }
    if (enough) await apply(context, tx, change, because)
    else await keepWaiting(tx, id, because)
    if (not !== null) return null
    return { [environmentId]: enough ? version + 1 : version }
  })
  if (agreed !== null) rememberAgreed(context.trail, agreed)
}

/** With the environment's row: what is deployed there is judged before this, or after it. Null: it is open no longer. */
async function takeChange(tx: Tx, id: number): Promise<Change | null> {
  await tx.query(
    `SELECT 1 FROM "Environment" WHERE id = (SELECT "environmentId" FROM "PolicyChange" WHERE id = $1) FOR UPDATE`,
    [id],
  )
  const { rows } = await tx.query<Change>(
    `SELECT c.id, c."baseVersion", c.policy, c.reason, c."authorId", c."authorName", c.epoch, e.id AS "environmentId", e."projectId",
       e.name AS environment, e.policy AS now, e."policyVersion" AS version, v.certificate,
       CASE WHEN e."removedAt" IS NOT NULL THEN e."removedBecause" END AS "removedBecause",
       "roles_of"(c."authorId", e."projectId", e.name) && '{admin,owner,ops}'::text[] AS "authorMay"
     FROM "PolicyChange" c JOIN "Environment" e ON e.id = c."environmentId"
     LEFT JOIN "PolicyVersion" v ON v."environmentId" = e.id AND v.version = e."policyVersion"
     WHERE c.id = $1 AND c.status = 'proposed' FOR UPDATE OF c`,
    [id],
  )
  return rows[0] ?? null
}

/** Why it can never be applied any more, and by which arrow it ends. */
async function whyOver(tx: Tx, change: Change): Promise<{ event: 'overtake' | 'refuse'; because: string } | null> {
  const { environment, version, baseVersion } = change
  if (change.removedBecause !== null)
    return { event: 'overtake', because: `${environment} was removed: ${change.removedBecause}` }
  if (version > 0 && version !== baseVersion)
    return {
      event: 'overtake',
      because: `version ${version} of the policy of ${environment} is in force, and this changes version ${baseVersion}: propose it again`,
    }
  const wanted = EnvironmentPolicy.safeParse(change.policy).data
  if (wanted === undefined || policySha(wanted) !== policySha(change.policy))
    return { event: 'refuse', because: 'the proposed policy cannot be read as it was written: propose it again' }
  const [problem] = whatDoesNotFit(environment, wanted, await othersOf(tx, { ...change, id: change.environmentId }))
  return problem === undefined ? null : { event: 'overtake', because: problem }
}

async function isAgreed(context: Context, tx: Tx, change: Change): Promise<{ enough: boolean; because: string }> {
  const now = EnvironmentPolicy.safeParse(change.now).data
  if (now === undefined)
    return {
      enough: false,
      because: `the policy of ${change.environment} cannot be read: nobody can say who must agree`,
    }
  if (now.approvals.length > 0) return agreedBy(tx, change.id, context.trust)
  return change.authorMay
    ? {
        enough: true,
        because: `${change.environment} asks nobody for an approval, and ${change.authorName} may change it`,
      }
    : { enough: false, because: `${change.authorName} is no longer an owner or operations there` }
}

async function apply(context: Context, tx: Tx, change: Change, because: string) {
  const by = asWorker(context)
  const place = { id: change.environmentId, projectId: change.projectId, name: change.environment, policy: change.now }
  const version = change.version + 1
  const sha256 = await putIntoForce(context, tx, place, {
    version,
    policy: change.policy,
    because: change.reason,
    authorId: change.authorId,
    authorName: change.authorName,
    changeId: change.id,
  })
  await record(tx, 'policyChange', POLICY_CHANGE, {
    id: change.id,
    from: 'proposed',
    event: 'apply',
    because,
    set: { finishedAt: NOW },
    by,
    data: {
      version: { before: change.version, after: version },
      sha256: { before: policySha(change.now), after: sha256 },
      difference: policyDifference(change.now, change.policy).map(inTrail),
      author: change.authorId,
    },
  })
  const { rows } = await tx.query<{ id: number }>(
    `SELECT id FROM "Approval" WHERE "policyChangeId" = $1 AND status = 'given' AND decision = 'approve' ORDER BY id FOR UPDATE`,
    [change.id],
  )
  for (const { id } of rows)
    await record(tx, 'approval', APPROVAL, {
      id,
      from: 'given',
      event: 'use',
      because: `version ${version} is in force`,
      set: { consumedEpoch: version },
      by,
    })
  await ringOthers(tx, change)
}

/** Other proposals of the same environment are overtaken now. */
async function ringOthers(tx: Tx, { id, environmentId }: Change) {
  const { rows } = await tx.query<{ id: number }>(
    `UPDATE "PolicyChange" SET "dueAt" = clock_timestamp() WHERE "environmentId" = $1 AND id <> $2 AND status = 'proposed' RETURNING id`,
    [environmentId, id],
  )
  for (const other of rows) await ring(tx, `policyChange:${other.id}:proposed`)
}

async function end(
  context: Context,
  tx: Tx,
  { id }: Change,
  { event, because }: { event: 'overtake' | 'refuse'; because: string },
) {
  const change = { id, from: 'proposed', because, set: { finishedAt: NOW }, by: asWorker(context) } as const
  await record(tx, 'policyChange', POLICY_CHANGE, { ...change, event })
}

async function keepWaiting(tx: Tx, id: number, because: string) {
  await tx.query(
    `UPDATE "PolicyChange" SET because = $2, "dueAt" = clock_timestamp() + $3 * interval '1 millisecond' WHERE id = $1 AND status = 'proposed'`,
    [id, because.slice(0, 2000), LATER_MS],
  )
}

import { Fault } from '../pipelines/fault'
import type { RecordHandle } from '../prisma/client'
import { type Person, type Tx, tell, transaction } from '../prisma/record'
import { EnvironmentPolicy } from './environment'
import { readFacts } from './facts'
import { judge } from './gate'
import { whyOwnChange } from './hands'
import { ringPromotion, takePlaceOf } from './place'

interface Asked {
  status: string
  kind: string
  runId: number
  projectId: number
  releaseId: number
  digest: string
  tag: string
  environment: string
  policy: unknown
  hasSigned: boolean
}

async function readAsked(tx: Tx, promotionId: number, accountId: number): Promise<Asked> {
  const { rows } = await tx.query<Asked>(
    `SELECT p.status, p.kind, p."runId", e."projectId", l.id AS "releaseId", l.digest, l.tag, e.name AS environment, e.policy,
       EXISTS (SELECT 1 FROM "Approval" a WHERE a."promotionId" = p.id AND a."accountId" = $2) AS "hasSigned"
     FROM "Promotion" p JOIN "Environment" e ON e.id = p."environmentId" JOIN "Release" l ON l.id = p."releaseId" WHERE p.id = $1`,
    [promotionId, accountId],
  )
  if (rows[0] === undefined) throw new Fault('not.found', `there is no promotion #${promotionId}`)
  return rows[0]
}

interface Signer {
  accountId: number
  role: string
}

async function whyNot(
  tx: Tx,
  asked: Asked,
  { accountId, role }: Signer,
): Promise<{ own: boolean; because: string } | null> {
  const no = (because: string, own = false) => ({ own, because })
  const { approvals } = EnvironmentPolicy.parse(asked.policy)
  if (approvals.length === 0) return no(`${asked.environment} asks nobody for an approval`)
  if (asked.status !== 'waiting') return no(`it does not wait for an approval: it is ${asked.status}`)
  if (!approvals.some((rule) => rule.role === role))
    return no(
      `${asked.environment} asks for ${approvals.map((a) => `the role ${a.role}`).join(' and ')}; yours is ${role}`,
      true,
    )
  if (asked.hasSigned) return no('you have approved it already')
  const own = await whyOwnChange(tx, asked.releaseId, accountId)
  return own === null ? null : no(own, true)
}

/** Why this person may not approve a promotion; null: they may. */
export async function whyNotApprove(
  handle: RecordHandle,
  promotionId: number,
  account: Signer,
): Promise<string | null> {
  const asked = await readAsked(handle.pool, promotionId, account.accountId)
  return (await whyNot(handle.pool, asked, account))?.because ?? null
}

/**
 * A person's yes to exactly what they saw. Where it was the last that was missing, the promotion goes on by itself.
 * @param seen the digest that was shown
 * @throws Fault not.found; not.permitted for a change of one's own or the wrong role; conflict where it waits for none, or
 *   the digest is another one
 */
export async function approvePromotion(
  handle: RecordHandle,
  promotionId: number,
  seen: { digest: string; comment: string },
  by: Person,
): Promise<void> {
  await transaction(handle, async (tx) => {
    // With the environment's row: a newer candidate that arrives at this instant comes before this, or after it.
    await takePlaceOf(tx, promotionId)
    const asked = await readAsked(tx, promotionId, by.accountId)
    if (asked.digest !== seen.digest)
      throw new Fault(
        'conflict',
        `what you saw was ${seen.digest}, and ${asked.tag} is ${asked.digest} now: look again`,
      )
    const no = await whyNot(tx, asked, by)
    if (no !== null) throw new Fault(no.own ? 'not.permitted' : 'conflict', no.because)
    const facts = await readFacts(tx, promotionId)
    const judged = facts === null ? null : judge(facts, new Date())
    // A yes is a promise: none is taken for what can never go.
    if (judged?.state === 'shut') throw new Fault('conflict', `it cannot go to ${asked.environment}: ${judged.because}`)
    await writeApproval(tx, { promotionId, ...asked, comment: seen.comment }, by)
    await ringPromotion(tx, promotionId)
  })
}

export async function writeApproval(
  tx: Tx,
  given: {
    promotionId: number
    runId: number
    projectId: number
    digest: string
    tag: string
    environment: string
    comment: string
  },
  by: Person,
) {
  const comment = given.comment.slice(0, 2000)
  await tx.query(
    `INSERT INTO "Approval" ("promotionId", "accountId", "accountName", role, comment, digest) VALUES ($1, $2, $3, $4, $5, $6)`,
    [given.promotionId, by.accountId, by.actorName, by.role, comment, given.digest],
  )
  await tell(tx, {
    kind: 'promotion.approve',
    subject: 'promotion',
    subjectId: given.promotionId,
    runId: given.runId,
    projectId: given.projectId,
    by,
    because: comment,
    data: {
      digest: given.digest,
      tag: given.tag,
      environment: given.environment,
      role: by.role,
      name: given.environment,
    },
  })
}

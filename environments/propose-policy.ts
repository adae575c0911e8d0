import { Fault } from '../pipelines/fault'
import type { RecordHandle } from '../prisma/client'
import { NOW, type Person, record, ring, type Tx, tell, transaction } from '../prisma/record'
import { EnvironmentPolicy, parseEnvironment, problemInWords } from './environment'
import { takePlace } from './place'
import { policySha } from './policy-agreed'
import { POLICY_CHANGE } from './policy-change'
import { whatDoesNotFit } from './policy-check'
import { policyDifference } from './policy-difference'
import { policyAsYaml } from './policy-yaml'

/** The whole policy as it shall be, as YAML or as JSON, and why. */
export interface Proposal {
  yaml?: string | undefined
  policy?: unknown
  reason: string
}

/**
 * Proposes another policy for an environment. It changes nothing until the people who sign deployments there, by the policy
 * that is in force, have agreed to it.
 * @returns the change's id
 * @throws Fault input.invalid with every problem of the policy, one a line; not.found; conflict where nothing would be
 *   another, no worker has agreed to the present policy, or the same author has a proposal there that is still open
 */
export async function proposePolicy(
  handle: RecordHandle,
  environmentId: number,
  proposal: Proposal,
  by: Person,
): Promise<number> {
  const reason = proposal.reason.trim()
  if (reason === '') throw new Fault('input.invalid', 'reason: a change of a policy needs one; whoever agrees reads it')
  if (reason.length > 2000) throw new Fault('input.invalid', 'reason: must have at most 2000 characters')
  const policy = readProposal(proposal)
  return transaction(handle, async (tx) => {
    const place = await takePlace(tx, environmentId)
    const { version } = await inForce(tx, environmentId, place.name)
    const problems = whatDoesNotFit(place.name, policy, await othersOf(tx, place))
    if (problems.length > 0) throw new Fault('input.invalid', problems.join('\n'))
    const now = EnvironmentPolicy.safeParse(place.policy).data
    const differences = policyDifference(now ?? {}, policy)
    if (differences.length === 0) throw new Fault('conflict', `that is the policy that ${place.name} has already`)
    const { rows } = await tx.query<{ id: number }>(
      `INSERT INTO "PolicyChange" ("environmentId", "baseVersion", policy, reason, "authorId", "authorName")
       VALUES ($1, $2, $3::jsonb, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING id`,
      [environmentId, version, JSON.stringify(policy), reason, by.accountId, by.actorName],
    )
    const id = rows[0]?.id
    if (id === undefined)
      throw new Fault('conflict', `you have proposed a policy for ${place.name} that is still open: withdraw it first`)
    await tell(tx, {
      kind: 'policyChange.propose',
      subject: 'policyChange',
      subjectId: id,
      projectId: place.projectId,
      by,
      after: 'proposed',
      because: reason,
      data: { name: place.name, base: version, sha256: policySha(policy), difference: differences.map(inTrail) },
    })
    await ringPolicyChange(tx, id)
    return id
  })
}

/** Bounded, and as text: the trail's bytes hold what was said, not how it was stored. */
export const inTrail = ({ path, before, after }: ReturnType<typeof policyDifference>[number]) => ({
  path: path.slice(0, 100),
  before: JSON.stringify(before).slice(0, 300),
  after: JSON.stringify(after).slice(0, 300),
})

function readProposal({ yaml, policy }: Proposal): EnvironmentPolicy {
  if ((yaml === undefined) === (policy === undefined))
    throw new Fault('input.invalid', 'give the whole policy either as `yaml` or as `policy`')
  // JSON is YAML: one reader, one set of rules.
  const parsed = parseEnvironment(yaml ?? JSON.stringify(policy), 'policy')
  if (!parsed.ok) throw new Fault('input.invalid', parsed.problems.map(problemInWords).join('\n'))
  // What cannot be exported and read again would be a policy that nobody could look at.
  const again = parseEnvironment(policyAsYaml(parsed.policy), 'policy')
  if (!again.ok) throw new Fault('input.invalid', again.problems.map(problemInWords).join('\n'))
  return parsed.policy
}

async function inForce(tx: Tx, environmentId: number, name: string): Promise<{ version: number }> {
  const { rows } = await tx.query<{ version: number }>(
    'SELECT "policyVersion" AS version FROM "Environment" WHERE id = $1',
    [environmentId],
  )
  const version = rows[0]?.version ?? 0
  if (version < 1)
    throw new Fault('conflict', `no worker has agreed to the policy that ${name} has now: see its page for why`)
  return { version }
}

/** The other environments of the project, as far as they can be read. */
export async function othersOf(tx: Tx, place: { id: number; projectId: number }) {
  const { rows } = await tx.query<{ name: string; after: string | null }>(
    `SELECT name, policy->>'after' AS after FROM "Environment"
     WHERE "projectId" = $1 AND id <> $2 AND "removedAt" IS NULL ORDER BY position, id LIMIT 1000`,
    [place.projectId, place.id],
  )
  return rows.map(({ name, after }) => ({ name, after: after ?? undefined }))
}

/** Somebody has answered, or something else changed that it waits for: a worker looks at it at once. */
export async function ringPolicyChange(tx: Tx, id: number): Promise<void> {
  await tx.query(`UPDATE "PolicyChange" SET "dueAt" = clock_timestamp() WHERE id = $1 AND status = 'proposed'`, [id])
  await ring(tx, `policyChange:${id}:proposed`)
}

/**
 * Takes a proposal back; who agreed to it has agreed to nothing.
 * @throws Fault not.found; not.permitted for anybody but its author and an admin; conflict where it has ended
 */
export async function withdrawPolicyChange(
  handle: RecordHandle,
  id: number,
  because: string,
  by: Person,
): Promise<void> {
  await transaction(handle, async (tx) => {
    const { rows } = await tx.query<{ status: string; authorId: number }>(
      'SELECT status, "authorId" FROM "PolicyChange" WHERE id = $1 FOR UPDATE',
      [id],
    )
    const change = rows[0]
    if (change === undefined) throw new Fault('not.found', `there is no policy change #${id}`)
    if (change.authorId !== by.accountId && by.role !== 'admin')
      throw new Fault('not.permitted', 'only its author, or an admin, withdraws a proposal; you may reject it')
    if (change.status !== 'proposed')
      throw new Fault('conflict', `policy change #${id} has ended already: it is ${change.status}`)
    await record(tx, 'policyChange', POLICY_CHANGE, {
      id,
      from: 'proposed',
      event: 'withdraw',
      because: because.trim().slice(0, 2000) || `withdrawn by ${by.actorName}`,
      set: { finishedAt: NOW },
      by,
    })
  })
}

/**
 * Has a worker look at the policy that stands in an environment's row: where it is not the one that was agreed to last, that
 * one is put back.
 * @throws Fault not.found; conflict where it was removed
 */
export async function askForAgreedPolicy(handle: RecordHandle, environmentId: number, by: Person): Promise<void> {
  await transaction(handle, async (tx) => {
    const place = await takePlace(tx, environmentId)
    await tell(tx, {
      kind: 'environment.ask-policy',
      subject: 'environment',
      subjectId: environmentId,
      projectId: place.projectId,
      by,
      because: 'the policy that was agreed to last shall be put back',
      data: { name: place.name },
    })
    await ring(tx, `environment:${environmentId}:unagreed`)
  })
}

import type { Json } from '../audit/canonical'
import { certify, policyClaim } from '../audit/certificate'
import { asWorker, type Context } from '../pipelines/context'
import { ring, type Tx, tell, transaction } from '../prisma/record'
import { EnvironmentPolicy } from './environment'
import { ringEnvironment } from './place'
import { policySha, UNAGREED, UNREADABLE, whyNotInForce } from './policy-agreed'
import { hasMemory, rememberAgreed } from './policy-memory'
import { orderPlaces } from './policy-order'
import { startingEnvironments } from './starting'

interface Place {
  id: number
  projectId: number
  name: string
  policy: object
}

/** A policy that a worker puts into force. */
export interface NewVersion {
  version: number
  policy: object
  because: string
  authorId: number | null
  authorName: string
  changeId: number | null
}

/** What it takes to agree to a policy. */
type Agreeing = Pick<Context, 'signer' | 'worker'>

/** Certifies a version, and puts it into force. The caller holds the environment's row. @returns what it is certified as */
export async function putIntoForce(context: Agreeing, tx: Tx, place: Place, made: NewVersion): Promise<string> {
  const sha256 = policySha(made.policy)
  const certificate = certify(context.signer, policyClaim({ environmentId: place.id, version: made.version, sha256 }))
  await tx.query(
    `INSERT INTO "PolicyVersion" ("environmentId", version, policy, sha256, because, "authorId", "authorName", "changeId", certificate)
     VALUES ($1, $2, $3::jsonb, $4, $5, $6, $7, $8, $9)`,
    [
      place.id,
      made.version,
      JSON.stringify(made.policy),
      sha256,
      made.because,
      made.authorId,
      made.authorName,
      made.changeId,
      certificate,
    ],
  )
  await setInForce(context, tx, place, { ...made, sha256 })
  return sha256
}

async function setInForce(
  context: Agreeing,
  tx: Tx,
  place: Place,
  {
    version,
    policy,
    sha256,
    because,
    changeId,
  }: Pick<NewVersion, 'version' | 'policy' | 'because' | 'changeId'> & { sha256: string },
) {
  await tx.query('UPDATE "Environment" SET policy = $2::jsonb, "policyVersion" = $3 WHERE id = $1', [
    place.id,
    JSON.stringify(policy),
    version,
  ])
  await orderPlaces(tx, place.projectId)
  await tell(tx, {
    kind: 'environment.policy',
    subject: 'environment',
    subjectId: place.id,
    projectId: place.projectId,
    by: asWorker(context),
    after: String(version),
    because,
    data: { name: place.name, version, sha256, change: changeId },
  })
  await ring(tx, `environment:${place.id}:policy`)
  await ringEnvironment(tx, place.id)
}

const STARTING = 'what a new project starts with: it is one of the files of this installation'
const WAS_THERE = 'in force before versions of policies were kept: this version of Shiplock was installed over it'
const NOT_OURS =
  'a web process that is taken over must not make environments with policies of its own: what an environment begins with is one of the files in environments/, word for word'

/**
 * Agrees to the policy that an environment begins with, where it is one of the installation's own files, or was in force
 * before there were versions. Where the row says something else than what was agreed to last, that is put back.
 */
export async function agreePolicy(context: Context, id: number): Promise<void> {
  if (!hasMemory(context.trail)) await agreeToWhatWasThere(context)
  const version = await transaction(context.record, async (tx) => {
    const { rows } = await tx.query<Place & { version: number; certificate: string | null }>(
      `SELECT e.id, e."projectId", e.name, e.policy, e."policyVersion" AS version, v.certificate FROM "Environment" e
       LEFT JOIN "PolicyVersion" v ON v."environmentId" = e.id AND v.version = e."policyVersion" WHERE e.id = $1 FOR UPDATE OF e`,
      [id],
    )
    const place = rows[0]
    if (place === undefined || place.version === UNAGREED) return null
    const placed = { ...place, environmentId: id, policy: place.policy as Json }
    if (whyNotInForce(placed, context.trust) === null) return null
    const last = await lastAgreed(context, tx, place)
    if (last !== null) {
      const because = `version ${last.version} is what was agreed to last: it is put back`
      await setInForce(context, tx, place, { ...last, because, changeId: null })
      return last.version
    }
    const no = whyNotOurs(context, place)
    if (no === null) {
      await putIntoForce(context, tx, place, first(place, STARTING))
      return 1
    }
    await tx.query('UPDATE "Environment" SET "policyVersion" = $2 WHERE id = $1', [id, UNAGREED])
    await tell(tx, {
      kind: 'environment.unagreed',
      subject: 'environment',
      subjectId: id,
      projectId: place.projectId,
      by: asWorker(context),
      because: no,
      data: { name: place.name, sha256: policySha(place.policy) },
    })
    await ring(tx, `environment:${id}:policy`)
    await ringEnvironment(tx, id)
    return null
  })
  if (version !== null) rememberAgreed(context.trail, { [id]: version })
}

const first = (place: Place, because: string): NewVersion => ({
  version: 1,
  policy: place.policy,
  because,
  authorId: null,
  authorName: 'Shiplock',
  changeId: null,
})

function whyNotOurs(context: Context, place: Place): string | null {
  if (context.trust.agreed(place.id) !== undefined)
    return `a version of the policy of ${place.name} was agreed to before, and the record has lost it: put the database back to one that has it`
  if (policySha(place.policy) === UNREADABLE)
    return 'the policy cannot be read: it is nested too deeply, or holds a number that is none'
  const ours = startingEnvironments().find((e) => e.name === place.name)?.policy
  const theirs = EnvironmentPolicy.safeParse(place.policy).data
  // As they are read, not as they were written: an older version wrote no defaults for what it did not know.
  return ours !== undefined && theirs !== undefined && policySha(ours) === policySha(theirs) ? null : NOT_OURS
}

/** Versions looked through for one that is certified: more than this nobody forges by accident. */
const MOST_LOOKED_AT = 50

async function lastAgreed(context: Context, tx: Tx, place: Place) {
  const { rows } = await tx.query<{ version: number; policy: object; certificate: string }>(
    `SELECT version, policy, certificate FROM "PolicyVersion" WHERE "environmentId" = $1 ORDER BY version DESC LIMIT ${MOST_LOOKED_AT}`,
    [place.id],
  )
  const last = rows.find(
    ({ version, policy, certificate }) =>
      whyNotInForce(
        { environmentId: place.id, name: place.name, version, policy: policy as Json, certificate },
        context.trust,
      ) === null,
  )
  return last === undefined ? null : { version: last.version, policy: last.policy, sha256: policySha(last.policy) }
}

/** Environments that one upgrade takes over; nobody has as many. */
const MOST_PLACES = 20_000

/**
 * Once, on the first day of this version: what was there before it is agreed to as it is. What was there is known by the
 * trail: its entries of that time name no writer, and nobody can write such an entry any more.
 */
async function agreeToWhatWasThere(context: Context): Promise<void> {
  const agreed = await transaction(context.record, async (tx) => {
    const { rows } = await tx.query<Place>(
      `SELECT id, "projectId", name, policy FROM "Environment" e
       WHERE "policyVersion" = 0 AND NOT EXISTS (SELECT 1 FROM "PolicyVersion" v WHERE v."environmentId" = e.id)
         AND (SELECT a.writer FROM "AuditEntry" a WHERE a."projectId" = e."projectId" ORDER BY a.id LIMIT 1) = ''
       ORDER BY id LIMIT ${MOST_PLACES} FOR UPDATE`,
    )
    for (const place of rows) await putIntoForce(context, tx, place, first(place, WAS_THERE))
    return Object.fromEntries(rows.map(({ id }) => [id, 1]))
  })
  rememberAgreed(context.trail, agreed)
}

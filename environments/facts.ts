import { isCertified, policyClaim, putBackClaim } from '../audit/certificate'
import type { Trust } from '../audit/trust'
import { Fault } from '../pipelines/fault'
import { type BranchKind, FLOW, flowOf, KINDS } from '../pipelines/gitflow'
import { LIVES_MS } from '../pipelines/part'
import type { TrustClass } from '../pipelines/trust'
import type { Tx } from '../prisma/record'
import { answersOf } from './answers'
import { EnvironmentPolicy } from './environment'
import { TOLD, type Told, whyUnexplained } from './explained'
import type { Facts } from './gate'
import { imageThere } from './image'
import { policySha, UNREADABLE } from './policy-agreed'
import type { PromotionKind } from './promotion'

interface Row {
  id: number | null
  kind: PromotionKind
  insteadOf: number | null
  certificate: string | null
  told: Told | null
  requesterId: number | null
  requestedBy: string
  since: Date
  startedByHand: string | null
  branch: string
  branchKind: Facts['run']['branchKind']
  templated: boolean
  name: string
  position: number
  policy: unknown
  heldAt: Date | null
  heldBy: string
  heldBecause: string
  unreachableSince: Date | null
  unreachableBecause: string
  removedAt: Date | null
  stoppedAt: Date | null
  stoppedBy: string
  stoppedBecause: string
  policyVersion: number
  agreed: { sha256: string; certificate: string } | null
  unreviewed: { id: number; account: string; since: string } | null
  handsKnown: boolean
  now: Date
  removedBecause: string
  releaseId: number | null
  tag: string | null
  digest: string | null
  trust: TrustClass | null
  imageAsked: string | null
  imageBecause: string
  refusedAt: Date | null
  refusedBy: string | null
  refusedBecause: string | null
  plan: { config?: Record<string, { required?: boolean; default?: unknown }> } | null
  flow: unknown
  ceiling: number | null
  verified: { id: number; status: string; at: string } | null
  upstream: { id: number; status: string; because: string } | null
  wasHere: boolean
  debts: { id: number; source: string; since: string; url: string }[] | null
  tagSince: Date | null
  environmentId: number
  hasAnswers: boolean
  busy: { id: number; status: string; since: string } | null
  newer: { id: number; run: number; status: string } | null
  olderApproved: { id: number; since: string } | null
  unaccepted: { since: string; because: string } | null
  noRoom: { since: string; because: string } | null
}

/**
 * What the gates judge a promotion by: read in one statement, and a second for what people answered, which is checked here
 * against what was signed. Null: there is no such promotion.
 */
export async function readFacts(tx: Tx, promotionId: number, trust: Trust): Promise<Facts | null> {
  const { rows } = await tx.query<Row>(`WITH it AS (${IT_IS})${FACTS}`, [promotionId])
  const row = rows[0]
  if (row === undefined) return null
  const policy = policyOf(row)
  const disputed = whyDisputed(row, trust)
  const unexplained = row.told === null ? null : whyUnexplained(row, row.told)
  // What this process remembers itself counts before what another worker wrote down: the database is what is in doubt.
  const doubt = (await trust.doubts?.((text, values) => tx.query(text, values))) ?? null
  if (doubt !== null) row.unaccepted ??= { since: row.now.toISOString(), because: doubt }
  if (row.kind === 'put-back' && !isOwnPutBack(row, trust)) row.kind = 'by-hand'
  const answers = row.hasAnswers
    ? await answersOf(tx, { promotionId, policyChangeId: null, policy }, trust)
    : NO_ANSWERS
  return { ...asFacts(row, policy, disputed, answers), unexplained }
}

export interface Supposed {
  projectId: number
  /** Name of the environment. */
  environment: string
  branch: string
  branchKind: BranchKind
  /** Null: nothing is built yet. */
  releaseId: number | null
  templated: boolean
}

/** The same for a promotion that nobody has asked for yet. Null: the project has no such environment. */
export async function supposeFacts(tx: Tx, what: Supposed): Promise<Facts | null> {
  const values = [what.projectId, what.environment, what.branch, what.branchKind, what.releaseId, what.templated]
  const { rows } = await tx.query<Row>(`WITH it AS (${IT_WOULD_BE})${FACTS}`, values)
  const row = rows[0]
  return row === undefined ? null : { ...asFacts(row, policyOf(row), null, NO_ANSWERS), handsKnown: 'later' }
}

/** What goes back by itself passes gates that nothing else passes: only a worker may say that it does. */
function isOwnPutBack({ environmentId, releaseId, digest, insteadOf, certificate }: Row, trust: Trust): boolean {
  if (releaseId === null || digest === null) return false
  return isCertified(trust.keys, putBackClaim({ environmentId, releaseId, digest, insteadOf }), certificate)
}

/** Why the policy that stands in the environment's row is not the one that was agreed to. */
function whyDisputed(row: Row, trust: Trust): string | null {
  const { environmentId, policyVersion: version, agreed, policy } = row
  if (version === 0 || agreed === null) return 'nobody has agreed to it yet'
  const sha256 = policySha(policy)
  if (sha256 === UNREADABLE || agreed.sha256 !== sha256) return `it is not what was agreed to as version ${version}`
  if (!isCertified(trust.keys, policyClaim({ environmentId, version, sha256: agreed.sha256 }), agreed.certificate))
    return `version ${version} carries no certificate of this installation`
  const known = trust.agreed(environmentId)
  return known !== undefined && known > version
    ? `version ${known} was agreed to, and the record holds ${version}`
    : null
}

type Answers = Pick<Facts, 'votes' | 'unsound'>
const NO_ANSWERS: Answers = { votes: [], unsound: [] }

function asFacts(row: Row, policy: EnvironmentPolicy, policyDisputed: string | null, answers: Answers): Facts {
  const flow = flowOf(row.flow)
  return {
    promotion: {
      id: row.id,
      kind: row.kind,
      requestedBy: row.requestedBy,
      since: row.since,
      startedByHand: row.startedByHand,
    },
    environment: {
      name: row.name,
      position: row.position,
      start: policy.start,
      after: policy.after ?? null,
      soakMs: policy.soak ?? 0,
      approvals: policy.approvals,
      remindMs: policy.remind ?? null,
      freeze: policy.freeze,
      hold: row.heldAt === null ? null : { by: row.heldBy, at: row.heldAt, because: row.heldBecause },
      stopped: row.stoppedAt === null ? null : { by: row.stoppedBy, at: row.stoppedAt, because: row.stoppedBecause },
      policyDisputed,
      unreviewed:
        row.unreviewed === null
          ? null
          : { approval: row.unreviewed.id, by: row.unreviewed.account, since: new Date(row.unreviewed.since) },
      removed: row.removedAt === null ? null : { at: row.removedAt, because: row.removedBecause },
      unreachable:
        row.unreachableSince === null ? null : { since: row.unreachableSince, because: row.unreachableBecause },
    },
    release: releaseOf(row),
    image: imageThere(row),
    unexplained: null,
    run: { branch: row.branch, branchKind: row.branchKind, templated: row.templated },
    ceiling: row.ceiling,
    serviceFile: flow.service_file,
    missingConfig: Object.entries(row.plan?.config ?? {})
      .filter(([, c]) => c.required === true && c.default === undefined)
      .map(([name]) => name),
    verified:
      row.verified === null || row.verified.status !== 'verified'
        ? null
        : { promotion: row.verified.id, at: new Date(row.verified.at) },
    upstream:
      row.upstream === null
        ? null
        : { promotion: row.upstream.id, status: row.upstream.status, because: row.upstream.because },
    wasHere: row.wasHere,
    debts: flow.hotfix_debt === 'shown' ? null : (row.debts ?? []).map((d) => ({ ...d, since: new Date(d.since) })),
    tagAwaited: row.tagSince === null ? null : { since: row.tagSince },
    votes: answers.votes,
    unsound: answers.unsound,
    handsKnown: row.handsKnown,
    now: row.now,
    unaccepted: sinceOf(row.unaccepted),
    noRoom: sinceOf(row.noRoom),
    busy: row.busy === null ? null : { ...row.busy, since: new Date(row.busy.since) },
    newer: row.newer,
    olderApproved:
      row.olderApproved === null ? null : { id: row.olderApproved.id, since: new Date(row.olderApproved.since) },
  }
}

const sinceOf = (told: { since: string; because: string } | null) =>
  told === null ? null : { since: new Date(told.since), because: told.because }

/** Denies where it cannot be read: no gate is judged by half a policy. @throws Fault input.invalid */
function policyOf({ name, policy }: Row): EnvironmentPolicy {
  const parsed = EnvironmentPolicy.safeParse(policy)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new Fault(
    'input.invalid',
    `the policy of ${name} cannot be read (${issue?.path.join('.')}: ${issue?.message}): nothing goes there until it is mended`,
  )
}

function releaseOf({ releaseId, tag, digest, trust, refusedAt, refusedBy, refusedBecause }: Row): Facts['release'] {
  if (releaseId === null || tag === null || digest === null || trust === null) return null
  const refused = refusedAt === null ? null : { by: refusedBy ?? '', at: refusedAt, because: refusedBecause ?? '' }
  return { id: releaseId, tag, digest, trust, refused }
}

const IT_IS = `
  SELECT p.id, p.kind, p."requestedBy", p."requesterId", p."createdAt" AS since, p."startedByHand", p."insteadOf", p.certificate, p."environmentId", p."releaseId", p.ask, p.range, p."imageAsked", p."imageBecause",
    p."runId", r.branch, r."branchKind", r."goesTo", COALESCE((r.plan->>'templated')::boolean, true) AS templated
  FROM "Promotion" p JOIN "Run" r ON r.id = p."runId" WHERE p.id = $1`

const IT_WOULD_BE = `
  SELECT NULL::int AS id, 'onward' AS kind, '' AS "requestedBy", NULL::int AS "requesterId", clock_timestamp() AS since, NULL::text AS "startedByHand",
    NULL::int AS "insteadOf", NULL::text AS certificate, e.id AS "environmentId", $5::int AS "releaseId", 0 AS ask, NULL::jsonb AS range, NULL::text AS "imageAsked", '' AS "imageBecause", 2147483647 AS "runId", $3::text AS branch,
    $4::text AS "branchKind", $2::text AS "goesTo", $6::boolean AS templated
  FROM "Environment" e WHERE e."projectId" = $1 AND e.name = $2::text`

/** How far each kind of branch goes, as the flow has it. Names from our own table. */
const GOES_TO = `CASE it."branchKind" ${KINDS.map((k) => `WHEN '${k}' THEN '${FLOW[k].goesTo ?? ''}'`).join(' ')} END`

// Order counts within one branch: two release branches, or a release and a hotfix, take turns; neither is older.
const FACTS = `
SELECT it.*, CASE WHEN it.id IS NULL THEN NULL ELSE ${TOLD} END AS told, e.name, e.position, e.policy, e."heldAt", e."heldBy", e."heldBecause", e."unreachableSince", e."unreachableBecause",
  e."removedAt", e."removedBecause", e."policyVersion", clock_timestamp() AS now,
  COALESCE(e."stoppedAt", i."stoppedAt") AS "stoppedAt", CASE WHEN e."stoppedAt" IS NULL THEN i."stoppedBy" ELSE e."stoppedBy" END AS "stoppedBy",
  CASE WHEN e."stoppedAt" IS NULL THEN i."stoppedBecause" ELSE e."stoppedBecause" END AS "stoppedBecause",
  (SELECT jsonb_build_object('sha256', v.sha256, 'certificate', v.certificate) FROM "PolicyVersion" v
   WHERE v."environmentId" = e.id AND v.version = e."policyVersion") AS agreed,
  (SELECT jsonb_build_object('id', g.id, 'account', g."accountName", 'since', g."reviewDueAt") FROM "Approval" g JOIN "Promotion" q ON q.id = g."promotionId"
   WHERE q."environmentId" = e.id AND g.decision = 'break-glass' AND g."reviewedAt" IS NULL AND g.status = 'used' AND g."reviewDueAt" <= clock_timestamp()
   ORDER BY g.id LIMIT 1) AS unreviewed,
  EXISTS (SELECT 1 FROM "Approval" s WHERE s."promotionId" = it.id AND s.ask = it.ask AND s.status IN ('given', 'used')) AS "hasAnswers",
  COALESCE(it.range->>'to' = l."commit", false) AS "handsKnown", l.tag, l.digest, l.trust, l."refusedAt", l."refusedBy", l."refusedBecause", l.plan, j.flow,
  (SELECT c.position FROM "Environment" c WHERE c."projectId" = e."projectId" AND c.name = ${GOES_TO} AND c."removedAt" IS NULL) AS ceiling,
  (SELECT to_jsonb(v) FROM (
    SELECT v.id, v.status, COALESCE(v."verifiedAt", v."finishedAt") AS at FROM "Promotion" v
    WHERE v."releaseId" = it."releaseId" AND v."environmentId" = a.id AND v.status IN ('verified', 'failed')
      AND (v.status = 'failed' OR v.observed = l.digest) ORDER BY v.id DESC LIMIT 1) v) AS verified,
  (SELECT to_jsonb(u) FROM (
    SELECT u.id, u.status, u.because FROM "Promotion" u
    WHERE u."releaseId" = it."releaseId" AND u."environmentId" = a.id ORDER BY u.id DESC LIMIT 1) u) AS upstream,
  EXISTS (SELECT 1 FROM "Promotion" w WHERE w."releaseId" = it."releaseId" AND w."environmentId" = e.id AND w.status = 'verified'
    AND w.observed = l.digest AND w.id IS DISTINCT FROM it.id) AS "wasHere",
  (SELECT jsonb_agg(d) FROM (
    SELECT b.id, b.source, b."createdAt" AS since, b.url FROM "BackMerge" b
    WHERE b."projectId" = e."projectId" AND b.hotfix AND b.status IN ('owed', 'opened', 'conflicting', 'declined')
      AND b."releaseId" IS DISTINCT FROM it."releaseId" ORDER BY b.id LIMIT 10) d) AS debts,
  (SELECT t."createdAt" FROM "Tag" t WHERE t."runId" = it."runId" AND t.status = 'awaited' AND it."goesTo" = e.name LIMIT 1) AS "tagSince",
  (SELECT to_jsonb(b) FROM (
    SELECT b.id, b.status, COALESCE(b."startedAt", b."createdAt") AS since FROM "Promotion" b
    WHERE b."environmentId" = e.id AND b.status IN ('deploying', 'deployed', 'verifying') AND b.id IS DISTINCT FROM it.id LIMIT 1) b) AS busy,
  (SELECT to_jsonb(n) FROM (
    SELECT n.id, n."runId" AS run, n.status FROM "Promotion" n JOIN "Run" nr ON nr.id = n."runId"
    WHERE n."environmentId" = e.id AND n.id IS DISTINCT FROM it.id AND n.kind IN ('onward', 'by-hand')
      AND n.status IN ('deploying', 'deployed', 'verifying', 'verified', 'errored')
      AND CASE WHEN it.kind = 'put-back' THEN n.id > it."insteadOf" ELSE nr.branch = it.branch AND n."runId" > it."runId" END
    ORDER BY n."runId" DESC LIMIT 1) n) AS newer,
  (SELECT to_jsonb(o) FROM (
    SELECT o.id, o."createdAt" AS since FROM "Promotion" o JOIN "Run" r2 ON r2.id = o."runId"
    WHERE o."environmentId" = e.id AND r2.branch = it.branch AND o."runId" < it."runId" AND o.status IN ('waiting', 'queued', 'errored')
      AND EXISTS (SELECT 1 FROM "Approval" s WHERE s."promotionId" = o.id AND s.decision = 'approve' AND s.status IN ('given', 'used') AND s."expiresAt" > clock_timestamp()) ORDER BY o.id LIMIT 1) o) AS "olderApproved",
  (SELECT jsonb_build_object('since', t.since, 'because', t.params->>'because') FROM "Part" t
   WHERE t.name = 'trail' AND t.code = 'trail.other' ORDER BY t.since LIMIT 1) AS unaccepted,
  (SELECT jsonb_build_object('since', max(d.since), 'because', min(d.params->>'because')) FROM "Part" d
   WHERE d.name = 'disk' AND d."seenAt" > clock_timestamp() - interval '${LIVES_MS} milliseconds'
   HAVING count(*) > 0 AND bool_and(d.state <> 'ok')) AS "noRoom"
FROM it
JOIN "Environment" e ON e.id = it."environmentId"
JOIN "Project" j ON j.id = e."projectId"
JOIN "Installation" i ON i.id = 1
LEFT JOIN "Release" l ON l.id = it."releaseId"
LEFT JOIN "Environment" a ON a."projectId" = e."projectId" AND a.name = e.policy->>'after'`

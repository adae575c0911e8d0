// Does the trail explain a promotion? What a row claims counts for nothing unless an entry that its writer could not forge says
// the same. The database itself notes which process wrote an entry, and refuses the kinds that are a worker's alone to the others.
import type { PromotionKind } from './promotion'

/** What the trail says of a promotion, and what the record makes of it. */
export interface Told {
  /** Web and worker have database roles of their own; else an entry proves nothing, and nothing is asked of it. */
  apart: boolean
  /** The entry that speaks for it best: a worker's before others, and one that says the same before one that does not. */
  asked: { writer: string; actor: string; kind: string | null; release: number | null } | null
  /** There is an account of the number that it names; accounts are never deleted. */
  person: boolean
  /** Its run has succeeded, and is of this release and this project. */
  fits: boolean
  /** A worker's entry says that the run passed. */
  passed: boolean
  /** The digest that a worker's entry names last; empty: it names none; null: there is no entry. */
  digest: string | null
  /** A worker's entry says that it was verified upstream; null: it was not. */
  verified: boolean | null
}

interface Claimed {
  kind: PromotionKind
  requesterId: number | null
  releaseId: number | null
  digest: string | null
}

const BY_PEOPLE: readonly PromotionKind[] = ['by-hand', 'rollback']

/** Null: the trail explains it. Else what is missing there. */
export function whyUnexplained(claimed: Claimed, told: Told): string | null {
  if (!told.apart) return null
  return whyNotAsked(claimed, told) ?? whyNotMade(claimed, told)
}

function whyNotAsked({ kind, requesterId, releaseId }: Claimed, { asked, person }: Told): string | null {
  if (asked === null) return 'no entry says that it was requested'
  if (asked.writer === 'web') {
    if (!BY_PEOPLE.includes(kind))
      return `only a worker requests a promotion of kind ${kind}, and the web process wrote it`
    if (asked.actor !== `account:${requesterId}`) return 'the entry of its request names another person'
    if (!person) return `there is no account ${requesterId} that could have requested it`
  }
  if ((asked.kind ?? kind) !== kind) return `the entry of its request says ${asked.kind}, and the record says ${kind}`
  return (asked.release ?? releaseId) === releaseId ? null : 'the entry of its request names another release'
}

function whyNotMade({ digest }: Claimed, told: Told): string | null {
  if (!told.fits) return 'its run is not one that succeeded with this release'
  if (!told.passed) return 'no entry of a worker says that its run passed'
  if (told.digest === null) return 'no entry of a worker says that its release was cut'
  if (told.digest !== '' && told.digest !== digest)
    return `the release was cut with ${told.digest}, and the record says ${digest}`
  return told.verified === false ? 'no entry of a worker says that it was verified upstream' : null
}

/** Does an entry say the same as the row? One that does not proves nothing against it: the web process may write as many as it likes. */
const FITS = `(t.actor = COALESCE('account:' || it."requesterId", t.actor) AND COALESCE(t.data->>'kind', it.kind) = it.kind
  AND COALESCE(NULLIF(t.data->'release', 'null'), to_jsonb(it."releaseId")) IS NOT DISTINCT FROM to_jsonb(it."releaseId"))`

/** The question, as a column of a statement that has `it`, `e` (environment) and `l` (release): each a look into an index. */
export const TOLD = `jsonb_build_object(
  'apart', "trail_writer"() <> 'owner',
  'asked', (SELECT jsonb_build_object('writer', t.writer, 'actor', t.actor, 'kind', t.data->>'kind', 'release', t.data->'release') FROM "AuditEntry" t
    WHERE t.subject = 'promotion' AND t."subjectId" = it.id AND t.kind = 'promotion.request'
    ORDER BY t.writer = 'web', ${FITS} DESC, t.id LIMIT 1),
  'person', EXISTS (SELECT 1 FROM "Account" t WHERE t.id = it."requesterId"),
  'fits', EXISTS (SELECT 1 FROM "Run" r WHERE r.id = it."runId" AND r.status = 'succeeded' AND r."releaseId" = it."releaseId"
    AND r."projectId" = e."projectId" AND l."projectId" = e."projectId"),
  'passed', EXISTS (SELECT 1 FROM "AuditEntry" t WHERE t.subject = 'run' AND t."subjectId" = it."runId" AND t.kind = 'run.pass' AND t.writer <> 'web'),
  'digest', (SELECT COALESCE(t.data->>'after', t.data->>'digest', '') FROM "AuditEntry" t WHERE t.subject = 'release' AND t."subjectId" = it."releaseId"
    AND t.kind IN ('release.cut', 'release.rebuild') AND t.writer <> 'web' ORDER BY t.id DESC LIMIT 1),
  'verified', (SELECT EXISTS (SELECT 1 FROM "AuditEntry" t WHERE t.subject = 'promotion' AND t."subjectId" = v.id AND t.kind = 'promotion.pass' AND t.writer <> 'web')
    FROM "Promotion" v WHERE v."releaseId" = it."releaseId" AND v."environmentId" = a.id AND v.status = 'verified' AND v.observed = l.digest
    ORDER BY v.id DESC LIMIT 1))`

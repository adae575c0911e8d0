// The way back to develop, until it is gone: git says whether anything is owed, the forge carries the request.
import { NOW, record, type Tx, transaction, type Value } from '../prisma/record'
import { BACK_MERGE, type BackMergeStatus, UNPAID } from './back-merge'
import { asWorker, type Context } from './context'
import { Fault, faultOf, isFault } from './fault'
import { connectedForge } from './forge-of'
import type { ForgeMergeRequest } from './forges/forge'
import { type Trial, tryMerge } from './git-merge'
import { namesOf } from './gitflow'
import { next } from './machine'
import { firstLine } from './title'
import { dueMergeRequest } from './touch-merge-requests'
import { ringWaiting } from './waiting-promotions'

export { oweBackMerge, touchBackMerges } from './owed-back-merges'

/** Longer than all that is asked of the forge and of git in one look. */
const LEASE = `interval '300 seconds'`
const GIT_MS = 180_000
/** Nothing was rung, yet somebody may have merged by hand. */
const LOOK_AGAIN_MS = 600_000
const FIRST_WAIT_MS = 2_000
const NAMED_FILES = 8

interface Debt {
  id: number
  projectId: number
  releaseId: number
  source: string
  target: string
  commit: string
  hotfix: boolean
  status: BackMergeStatus
  iid: number | null
  url: string
  epoch: number
  attempts: number
  tag: string
}

/** What was found, as an event of the debt; null: it stays as it is. */
interface Found {
  event: string | null
  because: string
  set?: { iid: number; url: string; source: string }
}

/** Looks at one debt: opens its request, sees that it was paid, or says why it was not. Looked at again until it is gone. */
export async function carryBackMerge(context: Context, id: number): Promise<void> {
  const debt = await claim(context, id)
  if (debt === null) return
  try {
    await settle(context, debt, await look(context, debt))
  } catch (thrown) {
    const error = faultOf(thrown)
    if (!isFault(error)) console.error(`a bug while looking at back-merge ${id}:`, error)
    const message = isFault(error) ? error.message : `a fault of Shiplock itself: ${String(error)}`
    const soon = Math.min(FIRST_WAIT_MS * 2 ** debt.attempts, LOOK_AGAIN_MS)
    // Also after a refusal: a branch may have gone between two questions.
    const waitMs = (isFault(error) ? error.retryAfterMs : undefined) ?? (isFault(error) ? soon : LOOK_AGAIN_MS)
    await context.record.pool.query(
      `UPDATE "BackMerge" SET because = left($3, 1000), "leaseUntil" = NULL,
         "dueAt" = CASE WHEN "dueAt" = "leaseUntil" THEN clock_timestamp() + $4 * interval '1 millisecond' ELSE clock_timestamp() END
       WHERE id = $1 AND epoch = $2`,
      [debt.id, debt.epoch, `it could not be looked at: ${message}`, waitMs],
    )
  }
}

/** While it is looked at it is due when the lease ends: a push meanwhile moves that, and it is looked at once more. */
async function claim(context: Context, id: number): Promise<Debt | null> {
  const { rows } = await context.record.pool.query<Debt>(
    `UPDATE "BackMerge" b SET epoch = b.epoch + 1, attempts = b.attempts + 1, "leaseUntil" = n.t, "dueAt" = n.t, worker = $3
     FROM (SELECT date_trunc('milliseconds', clock_timestamp()) + ${LEASE} AS t) n, "Release" l
     WHERE b.id = $1 AND l.id = b."releaseId" AND b.status = ANY($2) AND b."dueAt" <= clock_timestamp()
       AND (b."leaseUntil" IS NULL OR b."leaseUntil" < clock_timestamp())
     RETURNING b.id, b."projectId", b."releaseId", b.source, b.target, b."commit", b.hotfix, b.status, b.iid, b.url, b.epoch, b.attempts, l.tag`,
    [id, UNPAID, context.worker],
  )
  return rows[0] ?? null
}

async function look(context: Context, debt: Debt): Promise<Found> {
  const { forge, project } = await connectedForge(context, debt.projectId)
  const at = project.forgeProjectId
  // Asked before the target's head is read: a request that was merged has its commit on the target by then.
  const request = debt.iid === null ? null : await forge.mergeRequest(at, debt.iid)
  const head = await forge.head(at, debt.target)
  if (head === null) throw new Fault('forge.missing', `there is no branch ${debt.target} to merge back to`)
  const trial = await tryMerge({
    dir: `${context.cache}/${debt.projectId}.history`,
    url: project.cloneUrl,
    credentials: forge.gitCredentials(),
    commit: debt.commit,
    into: head.commit,
    deadlineMs: GIT_MS,
    signal: context.stopping,
  })
  const paid = isPaid(debt, request, trial)
  if (paid !== null) return paid
  if (request !== null) return follow(debt, request, trial)
  if (!project.flow.back_merge) return byHand(debt, trial)
  const source = await sourceOf(
    debt,
    async (branch) => (await forge.head(at, branch)) !== null,
    namesOf('master', project.flow),
  )
  const opened = await forge.openMergeRequest(at, {
    source,
    target: debt.target,
    title: `Merge ${source} back to ${debt.target} (${debt.tag})`,
    description: descriptionOf(debt, source, trial),
  })
  const url = opened.webUrl
  const set = { iid: opened.iid, url, source }
  if (trial.kind === 'conflict')
    return { event: 'conflict', because: conflictBecause({ ...debt, url, source }, trial), set }
  return { event: OPENS[debt.status] ?? null, because: `merge request !${opened.iid} was opened`, set }
}

/** What a request that is open now means to a debt that stood so. */
const OPENS: Partial<Record<BackMergeStatus, string>> = { owed: 'open', conflicting: 'resolve', declined: 'reopen' }

/** Git's word counts first; where a person solved conflicts while squashing, the forge's that the request was merged. */
function isPaid(debt: Debt, request: ForgeMergeRequest | null, trial: Trial): Found | null {
  const isThere = trial.kind === 'contained' || trial.kind === 'unchanged'
  if (debt.status === 'owed' && isThere) {
    const because =
      trial.kind === 'contained' ? `${debt.target} contains it` : `it would change nothing in ${debt.target}`
    return { event: 'skip', because: `nothing to merge: ${because}` }
  }
  if (request?.status === 'merged' && request.target === debt.target)
    return { event: 'merge', because: `merge request !${request.iid} was merged${by(request)}` }
  return isThere ? { event: 'merge', because: `${debt.target} has it now` } : null
}

const by = ({ merger }: ForgeMergeRequest) => (merger === null ? '' : ` by ${merger.name}`)

function follow(debt: Debt, request: ForgeMergeRequest, trial: Trial): Found {
  if (request.status === 'closed') {
    const because = `merge request !${request.iid} was closed unmerged, and ${debt.target} does not have it: reopen it, or merge ${debt.source} by hand`
    return { event: debt.status === 'declined' ? null : 'close', because }
  }
  if (trial.kind === 'conflict') return { event: 'conflict', because: conflictBecause(debt, trial) }
  return { event: OPENS[debt.status] ?? null, because: `merge request !${request.iid} is open` }
}

/** The project opens its requests itself; the debt is shown all the same. */
function byHand(debt: Debt, trial: Trial): Found {
  if (trial.kind === 'conflict') return { event: 'conflict', because: conflictBecause(debt, trial) }
  return { event: null, because: `this project merges back by hand: merge ${debt.source} into ${debt.target}` }
}

/** The branch itself, or the production branch where it is gone. */
async function sourceOf(debt: Debt, isThere: (branch: string) => Promise<boolean>, masters: readonly string[]) {
  for (const branch of [debt.source, ...masters]) if (await isThere(branch)) return branch
  throw new Fault(
    'forge.missing',
    `neither ${debt.source} nor ${masters.join(' or ')} is on the forge: merge ${debt.commit} by hand`,
  )
}

const namesIn = ({ files, more }: Extract<Trial, { kind: 'conflict' }>) => {
  const named = files.slice(0, NAMED_FILES).map((file) => firstLine(file, 120))
  const rest = files.length - named.length + more
  return `${named.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`
}

const conflictBecause = (debt: Pick<Debt, 'source' | 'target' | 'url'>, trial: Extract<Trial, { kind: 'conflict' }>) =>
  `merging ${debt.source} into ${debt.target} conflicts in ${namesIn(trial)}: merge ${debt.target} into a branch of ${debt.source}, solve the conflicts there, and merge that${debt.url === '' ? '' : `; the request is ${debt.url}`}`

/** Markdown; names of strangers stand as code, where they mean nothing else. */
function descriptionOf(debt: Debt, source: string, trial: Trial): string {
  const code = (text: string) => `\`${firstLine(text, 244).replaceAll('`', "'")}\``
  const lines = [
    `Release ${code(debt.tag)} is in production. What it changed must come back to ${code(debt.target)}, or the next release brings the old state back.`,
  ]
  if (debt.hotfix) lines.push('It is a hotfix: the next promotion to production may wait until this is merged.')
  if (trial.kind === 'conflict')
    lines.push(
      `Git finds conflicts in ${trial.files.slice(0, NAMED_FILES).map(code).join(', ')}: a person has to solve them.`,
    )
  if (source !== debt.source)
    lines.push(`The branch ${code(debt.source)} is gone, so ${code(source)} is merged instead.`)
  return lines.join('\n\n')
}

async function settle(context: Context, debt: Debt, found: Found) {
  const { event, because } = found
  await transaction(context.record, async (tx) => {
    const moves = event !== null && next(BACK_MERGE, debt.status, event) !== undefined
    if (!moves) return keep(tx, debt, found)
    const ends = event === 'merge' || event === 'skip'
    const set: Record<string, Value> = {
      ...found.set,
      ...(ends ? { finishedAt: NOW, dueAt: null, leaseUntil: null } : {}),
    }
    const change = { id: debt.id, from: debt.status, event, epoch: debt.epoch, because, set, by: asWorker(context) }
    const row = await record(
      tx,
      'backMerge',
      BACK_MERGE,
      change as Parameters<typeof record<typeof BACK_MERGE, BackMergeStatus>>[3],
    )
    if (row === null) return
    if (ends) return ringWaiting(tx, debt.projectId)
    await lookAgain(tx, debt)
    if (found.set !== undefined) await dueMergeRequest(tx, debt.projectId, found.set.iid)
  })
}

async function keep(tx: Tx, debt: Debt, found: Found) {
  const { iid = null, url = null, source = null } = found.set ?? {}
  await tx.query(
    `UPDATE "BackMerge" SET because = left($3, 8000), iid = COALESCE($4, iid), url = COALESCE($5, url), source = COALESCE($6, source)
     WHERE id = $1 AND epoch = $2`,
    [debt.id, debt.epoch, found.because, iid, url, source],
  )
  await lookAgain(tx, debt)
}

/** At once where something moved while it was looked at. */
const lookAgain = (tx: Tx, debt: Debt) =>
  tx.query(
    `UPDATE "BackMerge" SET attempts = 0, "leaseUntil" = NULL,
       "dueAt" = CASE WHEN "dueAt" = "leaseUntil" THEN clock_timestamp() + $3 * interval '1 millisecond' ELSE clock_timestamp() END
     WHERE id = $1 AND epoch = $2`,
    [debt.id, debt.epoch, LOOK_AGAIN_MS],
  )

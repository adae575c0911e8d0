// What the forge is told of a merge request: a status on its head, and one note that is edited, never repeated.
import { createHash } from 'node:crypto'
import { transaction } from '../prisma/record'
import type { Context } from './context'
import { type Fault, isFault } from './fault'
import type { Forge, ForgeMergeRequest } from './forges/forge'
import type { FlowSettings } from './gitflow'
import { mergeNote } from './merge-note'
import type { Pair } from './merge-pair'
import type { KnownRequest } from './mirror-merge-request'
import { headRun } from './request-run'
import { withStandingRef } from './standing-ref'
import { firstLine } from './title'

interface Telling {
  seen: ForgeMergeRequest
  pair: Pair
  project: { id: number; forgeProjectId: number; path: string; flow: FlowSettings }
  forge: Forge
  /** Why it is in the status that it is. */
  because: string
}

const MAX_DESCRIPTION = 200
const hashOf = (value: unknown) => createHash('sha256').update(JSON.stringify(value)).digest('hex')

/**
 * Tells what has changed since it was last told. What the forge refuses of the one does not keep it from hearing the other.
 * @returns the Faults
 */
export async function tellMergeRequest(context: Context, known: KnownRequest, telling: Telling): Promise<Fault[]> {
  const refused: Fault[] = []
  for (const tell of [tellFlow, tellNote]) {
    try {
      await tell(context, known, telling)
    } catch (error) {
      if (!isFault(error)) throw error
      refused.push(error)
    }
  }
  return refused
}

async function tellFlow(context: Context, known: KnownRequest, { seen, pair, project, forge }: Telling) {
  if (seen.status !== 'opened') return
  const forks = seen.fork && project.flow.forks === 'never' ? '; this project runs nothing for forks' : ''
  const status = {
    commit: seen.head,
    ref: seen.fork ? forge.headRef(known.iid) : seen.source,
    name: 'shiplock/flow',
    state: pair.ok ? ('success' as const) : ('failed' as const),
    description: firstLine(pair.because + forks, MAX_DESCRIPTION),
    url: `${context.publicUrl}/merge-requests/${known.id}`,
  }
  const sent = hashOf(status)
  if (sent === known.flowSent) return
  // Who deletes a branch does not close its merge request.
  await withStandingRef({ forge, project }, { branch: status.ref, tags: [] }, (ref) =>
    forge.setStatus(project.forgeProjectId, { ...status, ref }),
  )
  await context.record.pool.query('UPDATE "MergeRequest" SET "flowSent" = $3 WHERE id = $1 AND epoch = $2', [
    known.id,
    known.epoch,
    sent,
  ])
}

async function tellNote(context: Context, known: KnownRequest, telling: Telling) {
  const { seen, pair, project, forge, because } = telling
  // Nobody waits for news on a request that had ended before Shiplock knew it.
  if (seen.status !== 'opened' && known.noteForgeId === null) return
  const { id, iid, projectId } = known
  const { source, head, fork, target, draft, status } = seen
  const run = await transaction(context.record, (tx) => headRun(tx, { id, projectId, head, source, fork }))
  const body = mergeNote({
    status,
    because,
    pair,
    target,
    head,
    fork,
    neverForks: project.flow.forks === 'never',
    draft,
    run,
    approvals: [...seen.approvals.map((a) => a.name), ...(await approvedHere(context, id, head))],
    publicUrl: context.publicUrl,
    id,
  })
  const sent = hashOf(body)
  if (sent === known.noteSent) return
  const note = await forge.writeNote(project.forgeProjectId, iid, { id: known.noteForgeId, body })
  await context.record.pool.query(
    'UPDATE "MergeRequest" SET "noteForgeId" = $3, "noteSent" = $4 WHERE id = $1 AND epoch = $2',
    [id, known.epoch, note.id, sent],
  )
}

/** On the forge it was the token's user who approved; the note says for whom. */
async function approvedHere(context: Context, id: number, head: string): Promise<string[]> {
  const { rows } = await context.record.pool.query<{ name: string }>(
    `SELECT DISTINCT "accountName" AS name FROM "MergeAction"
     WHERE "mergeRequestId" = $1 AND kind = 'approve' AND status = 'done' AND head = $2 ORDER BY 1 LIMIT 20`,
    [id, head],
  )
  return rows.map((r) => `${r.name} (in Shiplock)`)
}

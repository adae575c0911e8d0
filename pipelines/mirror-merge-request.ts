// The record's copy of a merge request. Only the forge changes it; a status goes where the forge went.
import { type Actor, record, type Tx, transaction } from '../prisma/record'
import { asWorker, type Context } from './context'
import type { ForgeMergeRequest } from './forges/forge'
import { cancelForkRuns, holdForkRun } from './fork-runs'
import type { FlowSettings } from './gitflow'
import { isFinal } from './machine'
import type { Pair } from './merge-pair'
import { MERGE_REQUEST, type MergeRequestStatus } from './merge-request'
import { firstLine } from './title'

const MOST_APPROVALS = 100

/** A request as the record has it, and this worker's claim on it. */
export interface KnownRequest {
  id: number
  projectId: number
  iid: number
  status: MergeRequestStatus
  head: string
  syncedAt: Date | null
  noteForgeId: bigint | null
  noteSent: string
  flowSent: string
  epoch: number
  attempts: number
}

interface Read {
  seen: ForgeMergeRequest
  pair: Pair
  project: { id: number; name: string; flow: FlowSettings }
  /** Where a fork's service file is read; null: it has no run. */
  definitionCommit: string | null
}

/** Writes what the forge says now, and what follows from it here. Null: another worker has the claim by now. */
export async function writeMirror(
  context: Context,
  known: KnownRequest,
  read: Read,
): Promise<{ because: string } | null> {
  const { seen } = read
  return transaction(context.record, async (tx) => {
    const { rows } = await tx.query<{ status: MergeRequestStatus; because: string }>(
      'SELECT status, because FROM "MergeRequest" WHERE id = $1 AND epoch = $2 FOR UPDATE',
      [known.id, known.epoch],
    )
    const now = rows[0]
    if (now === undefined) return null
    await copy(tx, known.id, read)
    const by = moverOf(context, seen)
    const because = becauseOf(seen)
    const moved = await move(tx, known.id, now.status, seen.status, because, by)
    if (seen.fork) await followFork(tx, known, read, asWorker(context))
    return { because: moved ? because : now.because }
  })
}

/** The forge has it no more, or never had: nobody waits for it. */
export async function closeUnknown(context: Context, known: KnownRequest): Promise<void> {
  const because = 'the forge has no such merge request any more'
  await transaction(context.record, async (tx) => {
    await move(tx, known.id, known.status, 'closed', because, asWorker(context))
    await cancelForkRuns(tx, known.id, because, asWorker(context))
  })
}

/** The arrow that leads there; none: the table says that it cannot be, and the record stays. */
async function move(tx: Tx, id: number, from: MergeRequestStatus, to: MergeRequestStatus, because: string, by: Actor) {
  if (from === to || isFinal(MERGE_REQUEST, from)) return false
  const event = Object.entries(MERGE_REQUEST[from]).find(([, ends]) => ends === to)?.[0]
  if (event === undefined) return false
  const change = { id, from, event, because, by } as Parameters<
    typeof record<typeof MERGE_REQUEST, MergeRequestStatus>
  >[3]
  return (await record(tx, 'mergeRequest', MERGE_REQUEST, change)) !== null
}

const becauseOf = ({ status, merger }: ForgeMergeRequest) =>
  status === 'merged' && merger !== null ? `merged by ${firstLine(merger.name, 100)}` : ''

/** Who merged is named by the trail with the forge's number; for the rest the worker only says what it read. */
const moverOf = (context: Context, { status, merger }: ForgeMergeRequest): Actor =>
  status === 'merged' && merger !== null
    ? { actor: `forge:${merger.id}`, actorName: firstLine(merger.name, 100) }
    : asWorker(context)

async function copy(tx: Tx, id: number, { seen, pair }: Read) {
  await tx.query(
    `UPDATE "MergeRequest" SET title = $2, source = $3, target = $4, "sourceKind" = $5, "targetKind" = $6, fork = $7, "sourcePath" = $8,
       head = $9, draft = $10, "authorId" = $11, "authorName" = $12, "mergerId" = $13, "mergerName" = $14, "webUrl" = $15,
       mergeable = $16, "pairOk" = $17, "pairBecause" = $18, approvals = $19::jsonb, "mergeCommit" = $20, "syncedAt" = clock_timestamp()
     WHERE id = $1`,
    [
      id,
      firstLine(seen.title),
      firstLine(seen.source, 244),
      firstLine(seen.target, 244),
      pair.sourceKind,
      pair.targetKind,
      seen.fork,
      firstLine(seen.sourcePath, 500),
      seen.head,
      seen.draft,
      seen.author.id,
      firstLine(seen.author.name, 100),
      seen.merger?.id ?? '',
      firstLine(seen.merger?.name ?? '', 100),
      firstLine(seen.webUrl, 2000),
      firstLine(
        seen.mergeableBecause === '' || seen.mergeable === seen.mergeableBecause
          ? seen.mergeable
          : `${seen.mergeable}: ${seen.mergeableBecause}`,
      ),
      pair.ok,
      pair.because,
      JSON.stringify(
        seen.approvals.slice(0, MOST_APPROVALS).map(({ id, name }) => ({ id, name: firstLine(name, 100) })),
      ),
      seen.mergeCommit,
    ],
  )
}

async function followFork(tx: Tx, known: KnownRequest, { seen, pair, project, definitionCommit }: Read, by: Actor) {
  if (seen.status !== 'opened') return cancelForkRuns(tx, known.id, `!${known.iid} is ${seen.status}`, by)
  if (!pair.ok) return cancelForkRuns(tx, known.id, pair.because, by)
  if (project.flow.forks === 'never') return cancelForkRuns(tx, known.id, 'this project runs nothing for forks', by)
  if (definitionCommit === null)
    return cancelForkRuns(tx, known.id, `there is no branch ${firstLine(seen.target, 244)}`, by)
  const { source, sourcePath, head, title, author } = seen
  const { id: projectId, name: service } = project
  const fork = { mergeRequestId: known.id, iid: known.iid, epoch: known.epoch, projectId, service }
  await holdForkRun(tx, { ...fork, source, sourcePath, head, title, author, definitionCommit }, by)
}

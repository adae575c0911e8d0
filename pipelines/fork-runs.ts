// Runs of merge requests from forks: held until an owner says go, defined by the target branch, and promotable nowhere.
import { type Actor, NOW, record, type Tx } from '../prisma/record'
import { FLOW } from './gitflow'
import { makeRun } from './make-run'
import { RUN } from './run'
import { firstLine } from './title'

const MOST = 50

export interface ForkHead {
  mergeRequestId: number
  iid: number
  projectId: number
  /** Of the project; the service file may say otherwise. */
  service: string
  source: string
  sourcePath: string
  head: string
  title: string
  author: { id: string; name: string }
  /** The head of the target branch: what is run is read there. */
  definitionCommit: string
  /** The claim on the merge request: a head that comes back after another is checked anew. */
  epoch: number
}

/**
 * What a fork's run is called in place of a branch: no branch of the project can have a colon in its name, so that nothing
 * that counts runs of a branch ever counts a fork's.
 */
export const forkBranch = (sourcePath: string, source: string) =>
  firstLine(`${sourcePath === '' ? 'fork' : sourcePath}:${source}`, 1024)

/** The head has a run that waits for an owner; older ones that nobody has begun are superseded. */
export async function holdForkRun(tx: Tx, fork: ForkHead, by: Actor): Promise<void> {
  const { rows } = await tx.query<{ commit: string; status: string; id: number }>(
    `SELECT id, "commit", status FROM "Run" WHERE "mergeRequestId" = $1 AND status NOT IN ('superseded', 'canceled')
     ORDER BY id DESC LIMIT ${MOST} FOR UPDATE`,
    [fork.mergeRequestId],
  )
  for (const old of rows.filter((r) => r.commit !== fork.head)) {
    if (old.status !== 'held' && old.status !== 'queued') continue
    const because = `!${fork.iid} has moved on to ${fork.head.slice(0, 12)}`
    await record(tx, 'run', RUN, {
      id: old.id,
      from: old.status,
      event: 'supersede',
      because,
      set: { finishedAt: NOW },
      by,
    })
  }
  if (rows.some((r) => r.commit === fork.head)) return
  const run = {
    projectId: fork.projectId,
    contentKey: `fork:${fork.mergeRequestId}:${fork.epoch}`,
    service: fork.service,
    branch: forkBranch(fork.sourcePath, fork.source),
    branchKind: 'fork',
    origin: 'merge-request',
    status: 'held',
    commit: fork.head,
    before: fork.definitionCommit,
    title: firstLine(fork.title),
    pusherId: fork.author.id,
    pusherName: firstLine(fork.author.name, 100),
    priority: FLOW.feature.priority,
    mergeRequestId: fork.mergeRequestId,
    definitionCommit: fork.definitionCommit,
  } as const
  await makeRun(tx, run, by, 'it comes from a fork: it waits until an owner says go')
}

/** The request is not open any more, or may have no runs: what has not begun does not begin. */
export async function cancelForkRuns(tx: Tx, mergeRequestId: number, because: string, by: Actor): Promise<void> {
  const { rows } = await tx.query<{ id: number; status: 'held' | 'queued' }>(
    `SELECT id, status FROM "Run" WHERE "mergeRequestId" = $1 AND status IN ('held', 'queued') ORDER BY id LIMIT ${MOST} FOR UPDATE`,
    [mergeRequestId],
  )
  for (const { id, status } of rows)
    await record(tx, 'run', RUN, { id, from: status, event: 'cancel', because, set: { finishedAt: NOW }, by })
}

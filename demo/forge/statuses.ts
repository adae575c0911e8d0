// The rules of GitLab's commit statuses (Ci::CreateCommitStatusService), pure. The words of the refusals are GitLab's
// own: clients recognise them.

export const STATES = ['pending', 'running', 'success', 'failed', 'canceled', 'skipped'] as const
export type State = (typeof STATES)[number]

export interface CommitStatus {
  id: number
  sha: string
  ref: string
  name: string
  userId: number
  pipelineId: number
  status: State
  targetUrl: string | null
  description: string | null
  coverage: number | null
  createdAt: string
  startedAt: string | null
  finishedAt: string | null
  /** A newer row of the same name in the same pipeline took its place; hidden unless `all` is asked for. */
  retried: boolean
}

export interface WantedStatus {
  sha: string
  ref: string
  name: string
  userId: number
  state: State
  targetUrl?: string
  description?: string
  coverage?: number
  pipelineId?: number
}

export type Outcome =
  | { kind: 'created' | 'updated'; status: CommitStatus }
  | { kind: 'refused'; http: 400 | 404; message: string }

export const isState = (text: string): text is State => (STATES as readonly string[]).includes(text)

const isOpen = (status: CommitStatus) => status.status === 'pending' || status.status === 'running'

// For each wanted state the event of GitLab's state machine and the open states it cannot start from.
const EVENTS: Record<State, { event: string; notFrom: readonly State[] }> = {
  pending: { event: 'enqueue', notFrom: ['pending', 'running'] },
  running: { event: 'run', notFrom: ['running'] },
  success: { event: 'success', notFrom: [] },
  failed: { event: 'drop', notFrom: [] },
  canceled: { event: 'cancel', notFrom: [] },
  skipped: { event: 'skip', notFrom: ['running'] },
}

/** The sentence GitLab answers where the open status cannot become the wanted one, else null. */
export const refusal = (from: State, to: State): string | null => {
  const { event, notFrom } = EVENTS[to]
  if (!notFrom.includes(from)) return null
  return `Cannot transition status via :${event} from :${from} (Reason(s): Status cannot transition via "${event}")`
}

/**
 * Sets a status among `rows` (those of one project), changing the array in place. Only a row that is still open is
 * looked for, by pipeline, ref, name and the posting user; after a final state a new row begins.
 */
export const setStatus = (rows: CommitStatus[], wanted: WantedStatus, now: string): Outcome => {
  const pipelineId = pipelineOf(rows, wanted)
  if (pipelineId === null) {
    return { kind: 'refused', http: 404, message: '404 Pipeline for pipeline_id, sha and ref Not Found' }
  }
  const same = rows.filter((row) => row.pipelineId === pipelineId && row.ref === wanted.ref && row.name === wanted.name)
  const open = same.find((row) => row.userId === wanted.userId && isOpen(row))
  if (open) {
    const message = refusal(open.status, wanted.state)
    if (message) return { kind: 'refused', http: 400, message }
    apply(open, wanted, now)
    return { kind: 'updated', status: open }
  }
  for (const row of same) row.retried = true
  const made = newRow(rows, wanted, pipelineId, now)
  rows.push(made)
  return { kind: 'created', status: made }
}

// One external pipeline per commit and ref; a pinned one must be of this commit and ref.
const pipelineOf = (rows: readonly CommitStatus[], wanted: WantedStatus): number | null => {
  const known = rows.filter((row) => row.sha === wanted.sha && row.ref === wanted.ref)
  if (wanted.pipelineId !== undefined) {
    return known.some((row) => row.pipelineId === wanted.pipelineId) ? wanted.pipelineId : null
  }
  return known[0]?.pipelineId ?? 1 + rows.reduce((highest, row) => Math.max(highest, row.pipelineId), 0)
}

const newRow = (rows: readonly CommitStatus[], wanted: WantedStatus, pipelineId: number, now: string): CommitStatus => {
  const row: CommitStatus = {
    id: (rows.at(-1)?.id ?? 0) + 1,
    sha: wanted.sha,
    ref: wanted.ref,
    name: wanted.name,
    userId: wanted.userId,
    pipelineId,
    status: 'pending',
    targetUrl: null,
    description: null,
    coverage: null,
    createdAt: now,
    startedAt: null,
    finishedAt: null,
    retried: false,
  }
  apply(row, wanted, now)
  return row
}

const apply = (row: CommitStatus, wanted: WantedStatus, now: string) => {
  row.status = wanted.state
  row.targetUrl = wanted.targetUrl ?? row.targetUrl
  row.description = wanted.description ?? row.description
  row.coverage = wanted.coverage ?? row.coverage
  if (wanted.state === 'running') row.startedAt = now
  if (!isOpen(row)) row.finishedAt = now
}

// Merge requests as a forge knows them, whatever its API calls them; pure.

export interface Note {
  id: number
  body: string
  authorId: number
  createdAt: string
  updatedAt: string
}

export interface Approval {
  userId: number
  at: string
  /** The source's newest commit when it was given. */
  head: string
}

export interface MergeRequest {
  /** One in the whole forge. */
  id: number
  /** One in the target project. */
  iid: number
  sourceProjectId: number
  source: string
  targetProjectId: number
  target: string
  title: string
  description: string
  status: 'opened' | 'closed' | 'merged'
  draft: boolean
  /** The newest commit of the source. */
  head: string
  authorId: number
  approvals: Approval[]
  notes: Note[]
  squash: boolean
  removeSource: boolean
  createdAt: string
  updatedAt: string
  closedAt: string | null
  closedById: number | null
  mergedAt: string | null
  mergedById: number | null
  /** null: none was made, as at a fast-forward. */
  mergeCommit: string | null
  squashCommit: string | null
  /** What the target pointed at once it was merged. */
  landed: string | null
  /** Until when (milliseconds) the forge says that it still looks whether it can be merged. */
  checkingUntil: number
}

export type MergeMethod = 'merge' | 'rebase_merge' | 'ff'

export const isMergeMethod = (text: unknown): text is MergeMethod =>
  text === 'merge' || text === 'rebase_merge' || text === 'ff'

/** Why an act on a merge request was refused; each API has its own code and words for it. */
export interface Refusal {
  refused:
    | 'same-branch'
    | 'exists'
    | 'no-branch'
    | 'not-allowed'
    | 'not-open'
    | 'draft'
    | 'checking'
    | 'no-commits'
    | 'conflict'
    | 'need-rebase'
    | 'stale-head'
    | 'already'
    | 'not-approved'
  because: string
}

export const refusal = (refused: Refusal['refused'], because: string): Refusal => ({ refused, because })

export const isRefusal = (answer: object | null): answer is Refusal => answer !== null && 'refused' in answer

/** Whether it can be merged now, by its own state and git's. */
export type Mergeability = 'mergeable' | 'not-open' | 'draft' | 'checking' | 'no-commits' | 'conflict' | 'need-rebase'

/** GitLab's own mark of a draft is the beginning of its title. */
export const isDraftTitle = (title: string) => /^\s*(\[draft\]|\(draft\)|draft:)/i.test(title)

/** What a changed field was, and is. */
export type Changes = Record<string, { previous: unknown; current: unknown }>

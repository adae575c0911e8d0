// Pull requests, which are GitHub's merge requests.
import { setTimeout as pause } from 'node:timers/promises'
import { z } from 'zod'
import type { Done, ForgeMergeRequest } from './forge'
import { orNull, type Place, pages, type Repository, read, Sha } from './github-answers'
import { GithubFault } from './github-requester'

const MOST_OPEN = 500
/** Beyond that nobody can tell which review is the latest, and none counts. */
const MOST_REVIEWS = 1_000
/** GitHub looks whether it can be merged only once it is asked: what it says next is waited for, these milliseconds in all. */
const MERGEABLE_MS = [250, 500, 1_000, 1_500]

const User = z.object({ id: z.number().int(), login: z.string() })
const Side = z.object({
  ref: z.string(),
  sha: Sha,
  // null: the fork is gone
  repo: z.object({ id: z.number().int(), full_name: z.string() }).nullish(),
})
const Pull = z.object({
  number: z.number().int(),
  title: z.string(),
  state: z.enum(['open', 'closed']),
  draft: z.boolean().nullish(),
  html_url: z.string(),
  user: User.nullish(),
  head: Side,
  base: Side,
})
const OnePull = Pull.extend({
  merged: z.boolean(),
  merged_by: User.nullish(),
  merge_commit_sha: Sha.nullish(),
  mergeable: z.boolean().nullish(),
  mergeable_state: z.string().catch('unknown'),
})
type OnePull = z.infer<typeof OnePull>
const Review = z.object({
  user: User.nullish(),
  state: z.string(),
  commit_id: z.string().nullish(),
})

const personOf = (user: z.infer<typeof User> | null | undefined) =>
  // GitHub shows whoever deleted their account as the user ghost, or as nobody.
  user ? { id: String(user.id), name: user.login } : { id: '0', name: 'ghost' }

/** Null: there is no such pull request. */
async function find({ octokit, at }: Place, iid: number): Promise<OnePull | null> {
  const found = await orNull(octokit.rest.pulls.get({ ...at, pull_number: iid }))
  return found === null ? null : read(OnePull, found, `the pull request ${iid}`)
}

/** As `find`, once GitHub knows whether it can be merged; or after a while, when it does not know yet. */
async function findJudged(place: Place, iid: number): Promise<OnePull | null> {
  let pull = await find(place, iid)
  for (const ms of MERGEABLE_MS) {
    if (pull === null || pull.state !== 'open' || typeof pull.mergeable === 'boolean') return pull
    await pause(ms)
    pull = await find(place, iid)
  }
  return pull
}

function mergeableOf({ state, mergeable, mergeable_state: said }: OnePull): ForgeMergeRequest['mergeable'] {
  if (state !== 'open') return 'blocked'
  if (typeof mergeable !== 'boolean') return 'checking'
  if (!mergeable || said === 'dirty') return 'conflict'
  return said === 'clean' || said === 'unstable' || said === 'has_hooks' ? 'mergeable' : 'blocked'
}

/** Each user's latest review that says yes or no, where it says yes, of the commit that would be merged. */
async function approvalsOf({ octokit, at }: Place, iid: number, head: string): Promise<{ id: string; name: string }[]> {
  const { items, isComplete } = await pages(Review, MOST_REVIEWS, 'the list of reviews', (page) =>
    octokit.rest.pulls.listReviews({ ...at, pull_number: iid, ...page }),
  )
  if (!isComplete) return []
  const latest = new Map<string, { review: z.infer<typeof Review>; name: string }>()
  for (const review of items) {
    if (!review.user || !['APPROVED', 'CHANGES_REQUESTED', 'DISMISSED'].includes(review.state)) continue
    latest.set(String(review.user.id), { review, name: review.user.login })
  }
  return [...latest]
    .filter(([, { review }]) => review.state === 'APPROVED' && review.commit_id === head)
    .map(([id, { name }]) => ({ id, name }))
}

export async function mergeRequest(place: Place, iid: number): Promise<ForgeMergeRequest | null> {
  const pull = await findJudged(place, iid)
  if (pull === null) return null
  return {
    iid: pull.number,
    title: pull.title,
    status: pull.merged ? 'merged' : pull.state === 'open' ? 'opened' : 'closed',
    draft: pull.draft ?? false,
    source: pull.head.ref,
    target: pull.base.ref,
    fork: pull.head.repo?.id !== place.repository.id,
    sourcePath: pull.head.repo?.full_name ?? '',
    head: pull.head.sha,
    author: personOf(pull.user),
    merger: pull.merged ? personOf(pull.merged_by) : null,
    webUrl: pull.html_url,
    mergeable: mergeableOf(pull),
    mergeableBecause: pull.mergeable_state,
    mergeCommit: pull.merged ? (pull.merge_commit_sha ?? null) : null,
    approvals: await approvalsOf(place, iid, pull.head.sha),
  }
}

export async function openMergeRequests({ octokit, at }: Place): Promise<number[]> {
  const { items } = await pages(Pull, MOST_OPEN, 'the list of pull requests', (page) =>
    octokit.rest.pulls.list({ ...at, state: 'open', sort: 'created', direction: 'desc', ...page }),
  )
  return items.map((pull) => pull.number)
}

type Wanted = { source: string; target: string; title: string; description: string }

async function openOne({ octokit, at, repository }: Place, wanted: Wanted) {
  const { items } = await pages(Pull, 100, 'the list of pull requests', (page) =>
    octokit.rest.pulls.list({
      ...at,
      state: 'open',
      head: `${at.owner}:${wanted.source}`,
      base: wanted.target,
      ...page,
    }),
  )
  // A fork of the same owner has the same label.
  const ours = items.find((pull) => pull.head.repo?.id === repository.id && pull.head.ref === wanted.source)
  return ours === undefined ? null : { iid: ours.number, webUrl: ours.html_url }
}

export async function openMergeRequest(place: Place, wanted: Wanted): Promise<{ iid: number; webUrl: string }> {
  const open = await openOne(place, wanted)
  if (open !== null) return open
  const { source: head, target: base, title, description: body } = wanted
  try {
    const made = await place.octokit.rest.pulls.create({ ...place.at, head, base, title, body })
    const pull = read(Pull, made, 'the pull request')
    return { iid: pull.number, webUrl: pull.html_url }
  } catch (error) {
    const isTaken = error instanceof GithubFault && error.status === 422 && /already exists/i.test(error.words)
    const quicker = isTaken ? await openOne(place, wanted) : null
    if (quicker === null) throw error
    return quicker
  }
}

/** Why an act on it would be of something else than was seen; null: it is as it was seen. */
function isOther(pull: OnePull | null, head: string): Done | null {
  if (pull === null) return { ok: false, because: 'there is no such pull request' }
  if (pull.head.sha !== head)
    return { ok: false, because: `the head has moved: it is ${pull.head.sha.slice(0, 8)}, not ${head.slice(0, 8)}` }
  return null
}

export async function approve(place: Place, iid: number, head: string): Promise<Done> {
  const { octokit, at } = place
  const pull = await find(place, iid)
  const other = isOther(pull, head)
  if (other !== null) return other
  const me = read(User, await octokit.rest.users.getAuthenticated(), 'GET /user')
  const before = await approvalsOf(place, iid, head)
  if (before.some(({ id }) => id === String(me.id))) return { ok: true, because: 'approved already' }
  try {
    await octokit.rest.pulls.createReview({ ...at, pull_number: iid, event: 'APPROVE', commit_id: head })
    return { ok: true, because: `approved by ${me.login}` }
  } catch (error) {
    // 422: one's own pull request, or a closed one.
    if (!(error instanceof GithubFault) || error.code !== 'forge.refused') throw error
    return { ok: false, because: error.words }
  }
}

/** GitHub knows no method of the project's own, only those that it allows: the first of these. */
function methodOf(repository: Repository): 'merge' | 'squash' | 'rebase' {
  if (repository.allow_merge_commit !== false) return 'merge'
  return repository.allow_squash_merge === false ? 'rebase' : 'squash'
}

export async function merge(place: Place, iid: number, head: string, message: string): Promise<Done> {
  const { octokit, at, repository } = place
  const pull = await findJudged(place, iid)
  const other = isOther(pull, head)
  if (other !== null) return other
  if (pull?.merged) return { ok: true, because: 'merged already' }
  const [commit_title = '', ...rest] = message.split('\n')
  const commit_message = rest.join('\n').trim()
  try {
    await octokit.rest.pulls.merge({
      ...at,
      pull_number: iid,
      sha: head,
      merge_method: methodOf(repository),
      ...(commit_title === '' ? {} : { commit_title, commit_message }),
    })
    return { ok: true, because: 'merged' }
  } catch (error) {
    return refusedMerge(error)
  }
}

/** 405: it cannot be merged as it is; 409: the head has moved; 422: a rule of the repository. */
function refusedMerge(error: unknown): Done {
  if (!(error instanceof GithubFault) || error.code !== 'forge.refused') throw error
  const { status, words } = error
  // Another merge came in between: the very same wish may well succeed in a moment.
  if (status === 405 && /base branch was modified/i.test(words))
    throw new GithubFault('forge.busy', error.message, { status, words })
  return { ok: false, because: words }
}

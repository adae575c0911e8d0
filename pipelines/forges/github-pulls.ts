// Pull requests, which are GitHub's merge requests.
import { setTimeout as pause } from 'node:timers/promises'
import { z } from 'zod'
import { firstLine } from '../title'
import type { ForgeMergeRequest } from './forge'
import { orNull, type Place, pages, read, Sha } from './github-answers'
import { GithubFault } from './github-requester'

const MOST_OPEN = 500
/** Beyond that nobody can tell which review is the latest, and none counts. */
const MOST_REVIEWS = 1_000
/** GitHub looks whether it can be merged only once it is asked: milliseconds until it is asked again. */
const FIRST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 2_000

export const User = z.object({ id: z.number().int(), login: z.string() })
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
export type OnePull = z.infer<typeof OnePull>
const Review = z.object({
  user: User.nullish(),
  state: z.string(),
  commit_id: z.string().nullish(),
})

/** GitHub shows whoever deleted their account as the user ghost, or as nobody. */
const personOf = (user: z.infer<typeof User> | null | undefined) =>
  user ? { id: String(user.id), name: firstLine(user.login, 255) } : { id: '', name: 'ghost' }

/** Null: there is no such pull request. */
export async function find({ octokit, at }: Place, iid: number): Promise<OnePull | null> {
  const found = await orNull(octokit.rest.pulls.get({ ...at, pull_number: iid }))
  return found === null ? null : read(OnePull, found, `the pull request ${iid}`)
}

const isJudged = (pull: OnePull | null) => pull?.state !== 'open' || typeof pull.mergeable === 'boolean'

/** As `find`, once GitHub knows whether it can be merged; or, after pauses of `ms` in all, as it is then. */
export async function findJudged(place: Place, iid: number, ms: number): Promise<OnePull | null> {
  let pull = await find(place, iid)
  let wait = FIRST_PAUSE_MS
  for (let left = ms; !isJudged(pull) && wait <= left; left -= wait, wait = Math.min(wait * 2, LONGEST_PAUSE_MS)) {
    await pause(wait)
    pull = await find(place, iid)
  }
  return pull
}

export function mergeableOf({ state, mergeable, mergeable_state: said }: OnePull): ForgeMergeRequest['mergeable'] {
  if (state !== 'open') return 'blocked'
  if (typeof mergeable !== 'boolean') return 'checking'
  if (!mergeable || said === 'dirty') return 'conflict'
  return said === 'clean' || said === 'unstable' || said === 'has_hooks' ? 'mergeable' : 'blocked'
}

/** Each user's latest review that says yes or no, where it says yes, of the commit that would be merged. */
export async function approvalsOf(
  { octokit, at }: Place,
  iid: number,
  head: string,
): Promise<{ id: string; name: string }[]> {
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
  // It was this very question that set GitHub to work: one more a moment later usually finds out.
  const pull = await findJudged(place, iid, FIRST_PAUSE_MS)
  if (pull === null) return null
  return {
    iid: pull.number,
    title: firstLine(pull.title),
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
    mergeableBecause: firstLine(pull.mergeable_state, 100),
    mergeCommit: pull.merged ? (pull.merge_commit_sha ?? null) : null,
    approvals: await approvalsOf(place, iid, pull.head.sha),
  }
}

export async function openMergeRequests({ octokit, at }: Place): Promise<number[]> {
  const { items } = await pages(Pull, MOST_OPEN, 'the list of pull requests', (page) =>
    octokit.rest.pulls.list({ ...at, state: 'open', sort: 'created', direction: 'desc', ...page }),
  )
  // One that was opened while we turned the page moves the last of the page before onto the next.
  return [...new Set(items.map((pull) => pull.number))]
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

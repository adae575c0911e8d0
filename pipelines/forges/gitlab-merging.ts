// Approving and merging at GitLab, only what was seen: both carry the head. https://docs.gitlab.com/api/merge_requests/#merge-a-merge-request

import { setTimeout as pause } from 'node:timers/promises'
import { MergeRequestApprovals, MergeRequests, Users } from '@gitbeaker/rest'
import { z } from 'zod'
import { Fault } from '../fault'
import type { Done, Forge } from './forge'
import { approversOf, MergeRequest, mergeableOf, show, wordOf } from './gitlab-merge-requests'
import { GitlabFault } from './gitlab-requester'
import { type Asking, DEVELOPER, isAbsent, lacksScope, read, tell, unless } from './gitlab-verb'

const FIRST_PAUSE_MS = 200
const LONGEST_PAUSE_MS = 2000

const no = (because: string): Done => ({ ok: false, because })
const yes = (because: string): Done => ({ ok: true, because })

/** GitLab's words for what stands in the way of a merge, in ours. https://docs.gitlab.com/api/merge_requests/#merge-status */
const IN_THE_WAY: Readonly<Record<string, string>> = {
  blocked_status: 'another merge request must be merged first',
  broken_status: 'it conflicts with its target',
  ci_must_pass: 'its pipeline must succeed first',
  ci_still_running: 'its pipeline is still running',
  commits_status: 'its source branch is gone or holds no commit',
  conflict: 'it conflicts with its target',
  discussions_not_resolved: 'discussions on it are not resolved',
  draft_status: 'it is a draft',
  merge_request_blocked: 'another merge request must be merged first',
  merge_time: 'it may be merged only later',
  need_rebase: 'it must be rebased onto its target first',
  not_approved: 'approvals are missing',
  not_open: 'it is not open',
  requested_changes: 'a reviewer asked for changes',
  status_checks_must_pass: 'external checks must succeed first',
}

function blockedBecause(found: MergeRequest): string {
  // The word may be of another reason than the conflict.
  const word = mergeableOf(found) === 'conflict' ? 'conflict' : wordOf(found)
  const known = Object.hasOwn(IN_THE_WAY, word) ? IN_THE_WAY[word] : undefined
  return `!${found.iid} cannot be merged: ${known === undefined ? `GitLab says ${word}` : `${known} (${word})`}`
}

/** The answer that needs no asking; null: it is open, and its head is the one that was seen. */
function settled(found: MergeRequest | null, iid: number, head: string): Done | null {
  if (found === null) return no(`there is no merge request !${iid}`)
  const isSame = found.sha === head
  if (found.state === 'merged')
    return isSame ? yes(`!${iid} is merged already`) : no(`!${iid} was merged with another head, ${found.sha}`)
  if (found.state === 'closed') return no(`!${iid} is closed`)
  return isSame ? null : no(`the head of !${iid} is ${found.sha ?? 'not known yet'} now, no longer ${head}`)
}

interface Wish {
  projectId: number
  iid: number
  head: string
  message: string
}

/** GitLab's refusals of a merge. 400: it wants a head and got none that it takes. 403: approvals are missing, in some versions. */
const REFUSALS = [400, 401, 403, 405, 406, 409, 422]

/** Refused again and again while nothing stands in the way: then it is GitLab's answer, whatever the reason. */
const MAX_REFUSALS = 4

/** True: merged. False: taken, and not merged yet. A GitlabFault: refused. */
async function tryMerge(
  requests: MergeRequests,
  { projectId, iid, head, message }: Wish,
): Promise<boolean | GitlabFault> {
  const messages = message === '' ? {} : { mergeCommitMessage: message, squashCommitMessage: message }
  const answer = await unless(REFUSALS, requests.merge(projectId, iid, { sha: head, ...messages }))
  if (!(answer instanceof GitlabFault)) return read(MergeRequest, answer, `the merged !${iid}`).state === 'merged'
  // A lock that somebody holds, or a token that is too weak, is no answer about this merge request.
  if (answer.code === 'forge.busy' || lacksScope(answer)) throw answer
  return answer
}

const refusalOf = (iid: number, refused: GitlabFault) =>
  refused.status === 401
    ? `the token may not merge !${iid}: it needs the right to merge or push to the target branch`
    : `GitLab does not merge !${iid}: ${refused.words}`

/** A missing right and a moved head do not pass; other refusals may be the race. */
const isFinal = (refused: GitlabFault) => refused.status === 401 || refused.status === 409

/**
 * GitLab works out in the background what may be merged, and answers 405 or 422 until it has: right after a merge request was
 * opened, after a push, after its target moved (renovatebot/renovate#6248, python-gitlab#1939). So its word is awaited, and a
 * refusal that the word does not explain is tried again a few times.
 */
async function merge(requests: MergeRequests, wish: Wish, deadlineMs: number): Promise<Done> {
  const { projectId, iid, head } = wish
  const until = performance.now() + deadlineMs
  let refusals = 0
  for (let wait = FIRST_PAUSE_MS; ; wait = Math.min(wait * 2, LONGEST_PAUSE_MS)) {
    const found = await show(requests, projectId, iid)
    const answer = settled(found, iid, head)
    if (found === null || answer !== null) return answer ?? no(`there is no merge request !${iid}`)
    const mergeable = found.state === 'locked' ? 'checking' : mergeableOf(found)
    if (mergeable === 'conflict' || mergeable === 'blocked') return no(blockedBecause(found))
    const isLast = performance.now() + wait > until
    const tried = mergeable === 'mergeable' && (await tryMerge(requests, wish))
    if (tried === true) return yes(`merged at ${head}`)
    if (tried !== false && (isFinal(tried) || ++refusals === MAX_REFUSALS || isLast))
      return settled(await show(requests, projectId, iid), iid, head) ?? no(refusalOf(iid, tried))
    if (isLast) throw stillChecking(iid, found, deadlineMs)
    await pause(wait)
  }
}

const stillChecking = (iid: number, found: MergeRequest, deadlineMs: number) =>
  new Fault(
    'forge.busy',
    `GitLab has not worked out within ${deadlineMs / 1000} s whether !${iid} can be merged (${wordOf(found) || found.state})`,
    { retryAfterMs: 5000 },
  )

interface Approving {
  approvals: MergeRequestApprovals
  users: Users
}

/** GitLab answers a repeated approval with 401 or, lately, 304 (https://gitlab.com/gitlab-org/gitlab/-/issues/526532). */
async function approve({ approvals, users }: Approving, projectId: number, iid: number, head: string): Promise<Done> {
  try {
    const answer = await unless([304, 401, 403, 409], approvals.approve(projectId, iid, { sha: head }))
    if (!(answer instanceof GitlabFault)) return yes(`approved at ${head}`)
    if (answer.code === 'forge.busy' || lacksScope(answer)) throw answer
    if (answer.status === 304) return yes('approved already')
    if (answer.status === 409) return no(`the head of !${iid} is no longer ${head}: ${answer.words}`)
    return await whyDenied({ approvals, users }, projectId, iid, answer)
  } catch (error) {
    if (isAbsent(error, /\bmerge ?request\b/i)) return no(`there is no merge request !${iid}`)
    throw error
  }
}

/** A token that is not accepted fails here as well, and then it is no answer about this merge request. */
async function whyDenied({ approvals, users }: Approving, projectId: number, iid: number, denied: GitlabFault) {
  const us = read(z.object({ id: z.number().int(), username: z.string() }), await users.showCurrentUser(), 'GET /user')
  const approvers = await approversOf(approvals, projectId, iid)
  if (approvers.some(({ id }) => id === String(us.id))) return yes(`${us.username} has approved it already`)
  return no(`GitLab does not let ${us.username} approve !${iid} (its author, or who may not): ${denied.words}`)
}

export function mergingVerbs({ options, secrets, deadlineMs }: Asking): Pick<Forge, 'approve' | 'merge'> {
  const requests = new MergeRequests(options)
  const approving = { approvals: new MergeRequestApprovals(options), users: new Users(options) }
  return {
    approve: (projectId, iid, head) => tell(DEVELOPER, secrets, () => approve(approving, projectId, iid, head)),
    merge: (projectId, iid, head, message) =>
      tell(DEVELOPER, secrets, () => merge(requests, { projectId, iid, head, message }, deadlineMs)),
  }
}

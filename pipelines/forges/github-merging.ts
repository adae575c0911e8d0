// Approving and merging at GitHub, only what was seen: both carry the head.
import { Fault } from '../fault'
import type { Done } from './forge'
import { isTooWeak, type Place, type Repository, read } from './github-answers'
import { approvalsOf, find, findJudged, mergeableOf, type OnePull, User } from './github-pulls'
import { GithubFault } from './github-requester'

const no = (because: string): Done => ({ ok: false, because })
const yes = (because: string): Done => ({ ok: true, because })

/** The answer that needs no asking; null: it is open, and its head is the one that was seen. */
function settled(pull: OnePull | null, iid: number, head: string): Done | null {
  if (pull === null) return no(`there is no pull request #${iid}`)
  const isSame = pull.head.sha === head
  if (pull.merged)
    return isSame ? yes(`#${iid} is merged already`) : no(`#${iid} was merged with another head, ${pull.head.sha}`)
  if (pull.state === 'closed') return no(`#${iid} is closed`)
  return isSame ? null : no(`the head of #${iid} is ${pull.head.sha} now, no longer ${head}`)
}

export async function approve(place: Place, iid: number, head: string): Promise<Done> {
  const { octokit, at } = place
  const answer = settled(await find(place, iid), iid, head)
  if (answer !== null) return answer
  const us = read(User, await octokit.rest.users.getAuthenticated(), 'GET /user')
  const before = await approvalsOf(place, iid, head)
  if (before.some(({ id }) => id === String(us.id))) return yes(`${us.login} has approved it already`)
  try {
    await octokit.rest.pulls.createReview({ ...at, pull_number: iid, event: 'APPROVE', commit_id: head })
  } catch (error) {
    // 422: its own author's, or no review may be written now.
    return no(`GitHub does not let ${us.login} approve #${iid}: ${refusalOf(error, [422])}`)
  }
  // The review is of the commit that it names, also where that is no longer the head.
  return settled(await find(place, iid), iid, head) ?? yes(`approved at ${head}`)
}

/** GitHub's words where the answer is one of these; anything else is thrown. */
function refusalOf(error: unknown, statuses: readonly number[]): string {
  if (!(error instanceof GithubFault) || !statuses.includes(error.status)) throw error
  if (error.code === 'forge.busy' || isTooWeak(error)) throw error
  return error.words
}

/** GitHub knows no method of the project's own, only those that it allows: the first of these. */
function methodOf(repository: Repository): 'merge' | 'squash' | 'rebase' {
  if (repository.allow_merge_commit !== false) return 'merge'
  return repository.allow_squash_merge === false ? 'rebase' : 'squash'
}

/** Rules that hold it up are GitHub's to weigh: whoever may pass them may merge. */
function inTheWay(pull: OnePull, iid: number): Done | null {
  if (mergeableOf(pull) === 'conflict') return no(`#${iid} cannot be merged: it conflicts with its target`)
  return pull.draft ? no(`#${iid} cannot be merged: it is a draft`) : null
}

export async function merge(place: Place, iid: number, head: string, message: string): Promise<Done> {
  const { octokit, at, repository, deadlineMs } = place
  const pull = await findJudged(place, iid, deadlineMs)
  const answer = settled(pull, iid, head)
  if (pull === null || answer !== null) return answer ?? no(`there is no pull request #${iid}`)
  const obstacle = inTheWay(pull, iid)
  if (obstacle !== null) return obstacle
  if (mergeableOf(pull) === 'checking') throw stillChecking(iid)
  const [title = '', ...rest] = message.trim().split('\n')
  const words = title === '' ? {} : { commit_title: title, commit_message: rest.join('\n').trim() }
  const wanted = { sha: head, merge_method: methodOf(repository), ...words }
  try {
    await octokit.rest.pulls.merge({ ...at, pull_number: iid, ...wanted })
    return yes(`merged at ${head}`)
  } catch (error) {
    return whyRefused(place, { iid, head }, error)
  }
}

const stillChecking = (iid: number) =>
  new Fault('forge.busy', `GitHub has not worked out yet whether #${iid} can be merged`, { retryAfterMs: 5000 })

/** 403, 404: who may not push; 405: it cannot be merged as it is; 409: the head has moved; 422: a rule of the repository. */
async function whyRefused(place: Place, { iid, head }: { iid: number; head: string }, error: unknown): Promise<Done> {
  const words = refusalOf(error, [403, 404, 405, 409, 422])
  // Another merge came in between: the very same wish may well succeed in a moment.
  if (/base branch was modified/i.test(words))
    throw new Fault('forge.busy', `GitHub does not merge #${iid} now: ${words}`, { retryAfterMs: 1000 })
  return settled(await find(place, iid), iid, head) ?? no(`GitHub does not merge #${iid}: ${words}`)
}

// What may be done with a merge request, by whom, and whose turn it is. Pure: the page, REST and the buttons ask the same.

import { BY_ITSELF } from '../../environments/gate'
import { may, type Viewer } from '../_server/permit'
import { shortCommit } from '../_ui/duration'
import type { Waiting } from '../shapes'
import type { May } from './shapes'

export interface Facts {
  projectId: number
  status: string
  target: string
  head: string
  draft: boolean
  pair: { ok: boolean; because: string }
  /** The forge's word, and its reason behind it. */
  mergeable: string
  author: string
  authorId: string
  createdAt: Date
  /** Why nobody may merge it from here, judged as it is when somebody does; null: its branches, draft and run allow it. */
  notMergeable: string | null
  /** The run of the head; null: there is none yet. */
  run: { id: number; status: string; because: string; since: Date; waiting: Waiting | null } | null
  /** Who approved this very head, on the forge or here, by forge user id or account. */
  approvals: readonly { forgeUserId: string | null; accountId: number | null }[]
  /** Asked for, and not done yet. */
  underWay: readonly { kind: string; by: string; accountId: number; since: Date }[]
}

export interface Asker {
  viewer: Pick<Viewer, 'kind' | 'role' | 'grants' | 'scopes' | 'accountId'>
  /** The same person on the forge, where the account says so. */
  forgeUserId: string | null
}

const yes = (because: string): May => ({ may: true, because })
const no = (because: string): May => ({ may: false, because })

const isOwn = (facts: Facts, who: Asker) => who.forgeUserId !== null && who.forgeUserId === facts.authorId
const isOpen = (facts: Facts) => facts.status === 'opened'

/** What stands in the way of anybody, in the order in which one would mend it. */
function obstacle(facts: Facts): string | null {
  if (!isOpen(facts)) return `it is ${facts.status}`
  if (!facts.pair.ok) return facts.pair.because
  if (facts.head === '') return 'it has no commits yet'
  return null
}

const UNDER_WAY = 'it is under way on the forge'

/** May this viewer approve the head as it stands? Nobody approves their own change, and nobody the same head twice. */
export function mayApprove(facts: Facts, who: Asker): May {
  const blocked = obstacle(facts)
  if (blocked !== null) return no(blocked)
  if (!may(who.viewer, 'merge-requests.approve', facts)) return no('an owner approves it')
  if (isOwn(facts, who)) return no('it is your own change: another owner approves it')
  const isMine = (a: { accountId: number | null }) => a.accountId === who.viewer.accountId
  if (facts.approvals.some(isMine)) return no(`you have approved ${shortCommit(facts.head)} already`)
  if (facts.underWay.some((a) => a.kind === 'approve' && isMine(a))) return no(`you asked for this: ${UNDER_WAY}`)
  return yes(`approves ${shortCommit(facts.head)}, and nothing newer`)
}

/** May this viewer merge the head as it stands? */
export function mayMerge(facts: Facts, who: Asker): May {
  const blocked = obstacle(facts) ?? inConflict(facts) ?? facts.notMergeable
  if (blocked !== null) return no(blocked)
  if (!may(who.viewer, 'merge-requests.merge', facts)) return no('an owner merges it')
  if (isOwn(facts, who) && !facts.approvals.some((a) => isOfAnother(a, facts, who)))
    return no('it is your own change: another owner approves it first')
  const going = facts.underWay.find((a) => a.kind === 'merge')
  if (going !== undefined) return no(`${going.by} asked for this: ${UNDER_WAY}`)
  const said = facts.mergeable.startsWith('blocked') ? `; the forge may refuse, it says ${facts.mergeable}` : ''
  return yes(`merges ${shortCommit(facts.head)}, and nothing newer${said}`)
}

const isOfAnother = (a: Facts['approvals'][number], facts: Facts, who: Asker) =>
  a.accountId === null ? a.forgeUserId !== facts.authorId : a.accountId !== who.viewer.accountId

const inConflict = ({ mergeable, target }: Facts) =>
  mergeable.startsWith('conflict') ? `it conflicts with ${target}: bring ${target} into the branch first` : null

const wait = (what: string, who: string, since: Date): Waiting => ({
  what,
  who,
  since: since.toISOString(),
  until: null,
})

const STOPPED = new Set(['failed', 'canceled', 'refused', 'superseded'])

/** Whose turn it is; null: it has ended. */
export function whyItWaits(facts: Facts): Waiting | null {
  const { run, createdAt, target } = facts
  if (!isOpen(facts)) return null
  const [going] = facts.underWay
  if (going !== undefined) return wait(`${going.by} asked to ${going.kind} it`, BY_ITSELF, going.since)
  const author = `its author, ${facts.author}`
  if (!facts.pair.ok) return wait(facts.pair.because, `${author}: change the target, or the name`, createdAt)
  if (facts.draft) return wait('it is a draft', `${author}: mark it as ready`, createdAt)
  if (inConflict(facts) !== null)
    return wait(`it conflicts with ${target}`, `${author}: bring ${target} into the branch`, createdAt)
  if (facts.notMergeable !== null) return whyItsRunWaits(facts, facts.notMergeable, author)
  const isApproved = facts.approvals.length > 0
  return wait(
    isApproved ? 'it is approved, and not merged yet' : 'nobody has approved it yet',
    isApproved ? 'an owner: merge it' : 'an owner: approve and merge it',
    run?.since ?? createdAt,
  )
}

function whyItsRunWaits({ run, createdAt }: Facts, because: string, author: string): Waiting {
  if (run === null) return wait(because, BY_ITSELF, createdAt)
  if (run.waiting !== null) return run.waiting
  return wait(because, STOPPED.has(run.status) ? `${author}: push what mends it` : BY_ITSELF, run.since)
}

/** May this viewer say go for the checks of a fork? Null: nothing waits for that. */
export function mayAllow(facts: Pick<Facts, 'run' | 'projectId'>, who: Pick<Asker, 'viewer'>): May | null {
  if (facts.run?.status !== 'held') return null
  return may(who.viewer, 'runs.allow', facts)
    ? yes('static checks run on what the fork sent; nothing is built from it')
    : no('an owner says go')
}

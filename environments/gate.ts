// The gates: conditions on a promotion, each a pure function of facts. One function judges every path that could deploy.
import { type BranchKind, FLOW } from '../pipelines/gitflow'
import { type TrustClass, trustOf, usableBy } from '../pipelines/trust'
import { type Freeze, frozenAt } from './freeze'
import { type ImageThere, whyNoImage } from './image'
import { isDeclaredReturn, type PromotionKind } from './promotion'
import type { Decision } from './statement'

/** Who said something, when and why. */
export interface Said {
  by: string
  at: Date
  because: string
}

/** An answer that stands. */
export interface Vote {
  id: number
  accountId: number
  account: string
  /** The same for two accounts of one person. */
  person: string
  role: string
  decision: Decision
  comment: string
  at: Date
  /** Until when it counts. */
  until: Date
  /** With a passkey. */
  signed: boolean
}

export interface Rule {
  role: string
  count: number
  passkey?: 'required' | 'optional' | undefined
}

/** Everything the gates look at, read in one go from the record. */
export interface Facts {
  /** `id` null: nobody has asked yet; what would be the answer? */
  promotion: { id: number | null; kind: PromotionKind; requestedBy: string; since: Date; startedByHand: string | null }
  environment: {
    name: string
    position: number
    start: 'automatic' | 'on-signoff' | 'by-hand'
    after: string | null
    soakMs: number
    approvals: readonly Rule[]
    /** After so many ms those who may sign are reminded, and again; null: never. */
    remindMs: number | null
    freeze: readonly Freeze[]
    hold: Said | null
    removed: { at: Date; because: string } | null
    /** The emergency stop, of this environment or of everything. */
    stopped: Said | null
    /** Why its policy does not count: nobody agreed to it as it stands. Null: it does. */
    policyDisputed: string | null
    /** Somebody broke the glass, and nobody has looked at it in time. */
    unreviewed: { approval: number; by: string; since: Date } | null
    unreachable: { since: Date; because: string } | null
  }
  /** Why the database is not the one whose trail was signed, and it has not been accepted. Null: it is. */
  unaccepted: { since: Date; because: string } | null
  /** Why no worker has the room to begin. Null: one has. */
  noRoom: { since: Date; because: string } | null
  /** Null: nothing is built yet (only where nobody has asked). */
  release: { id: number; tag: string; digest: string; trust: TrustClass; refused: Said | null } | null
  /** Whether the target holds the release's image. */
  image: ImageThere
  /** What the trail does not say of it; null: the trail explains it. */
  unexplained: string | null
  run: { branch: string; branchKind: BranchKind | 'fork' | 'other'; templated: boolean }
  /** How far the branch may go: the place of that environment in the order; null: the project has none of that name. */
  ceiling: number | null
  serviceFile: 'required' | 'optional'
  /** Required configuration that has no value. */
  missingConfig: readonly string[]
  /** This digest's verification in `environment.after`. */
  verified: { promotion: number; at: Date } | null
  /** The latest promotion of this release to `environment.after`, whatever came of it. */
  upstream: { promotion: number; status: string; because: string } | null
  /** This digest was verified in this very environment before: a return to it. */
  wasHere: boolean
  /** Hotfixes that have not come back to develop; null where the project only shows them. */
  debts: readonly { id: number; source: string; since: Date; url: string }[] | null
  /** The version tag that production waits for; null: it waits for none. */
  tagAwaited: { since: Date } | null
  votes: readonly Vote[]
  /** Answers that do not count any more, and why. */
  unsound: readonly { id: number; account: string; status: string; because: string }[]
  /** Is it known who had a hand in it? Until then nobody's approval counts. `later`: of a promotion nobody has asked for yet. */
  handsKnown: boolean | 'later'
  /** The database's clock when this was read. */
  now: Date
  /** Another promotion that has the environment now. */
  busy: { id: number; status: string; since: Date } | null
  /**
   * A newer promotion of the same branch to the same environment that has begun or is there; for a put-back, any that came
   * after what it takes the place of.
   */
  newer: { id: number; run: number; status: string } | null
  /** An older one of the same branch that somebody has approved, and that has not had its turn. */
  olderApproved: { id: number; since: Date } | null
}

export interface Verdict {
  gate: GateName
  state: 'open' | 'waiting' | 'shut'
  because: string
  /** Whose turn it is, while it waits. */
  who?: string
  /** ISO 8601: since when it waits. */
  since?: string
  /** ISO 8601: when it opens by itself, where that is known. */
  until?: string
}

type Judgement = Omit<Verdict, 'gate'>
const open = (because: string): Judgement => ({ state: 'open', because })
const shut = (because: string): Judgement => ({ state: 'shut', because })
const waiting = (because: string, who: string, since: Date, until?: Date): Judgement => ({
  state: 'waiting',
  because,
  who,
  since: since.toISOString(),
  ...(until === undefined ? {} : { until: until.toISOString() }),
})

export const BY_ITSELF = 'nobody: it goes on by itself'
const OPS = 'operations (role ops)'

type Counted = Pick<Vote, 'account' | 'person' | 'role' | 'decision' | 'signed'>

/** Which rules the votes satisfy: every rule must hold, and one person satisfies one rule. The strictest rule chooses first. */
export function tally<R extends Rule>(rules: readonly R[], votes: readonly Counted[]): (R & { by: string[] })[] {
  const left = onePerPerson(votes.filter((v) => v.decision === 'approve'))
  const counted = new Map<R, string[]>()
  for (const rule of [...rules].sort((a, b) => Number(needsPasskey(b)) - Number(needsPasskey(a)))) {
    const by: string[] = []
    while (by.length < rule.count) {
      const at = left.findIndex((v) => v.role === rule.role && (v.signed || !needsPasskey(rule)))
      if (at < 0) break
      by.push(...left.splice(at, 1).map((v) => v.account))
    }
    counted.set(rule, by)
  }
  return rules.map((rule) => ({ ...rule, by: counted.get(rule) ?? [] }))
}

export const needsPasskey = (rule: Rule) => rule.passkey === 'required'

/** Two accounts of one person are one voice: the first. */
function onePerPerson<V extends { person: string }>(votes: readonly V[]): V[] {
  const seen = new Set<string>()
  return votes.filter(({ person }) => !seen.has(person) && seen.add(person) !== undefined)
}

/** People it takes to override a freeze: who asks, and somebody else. */
export const OVERRIDERS = 2
const overriders = (votes: readonly Vote[]) => onePerPerson(votes.filter((v) => v.decision === 'override'))
const glassBroken = (votes: readonly Vote[]) => votes.find((v) => v.decision === 'break-glass')

/** In the order that a person would ask. */
export const GATES = {
  environment: ({ environment: { removed, name } }: Facts) =>
    removed === null ? open(`${name} is there`) : shut(`${name} was removed: ${removed.because}`),
  record: ({ unexplained }: Facts) =>
    unexplained === null
      ? open('the audit trail explains it')
      : shut(
          `the audit trail does not explain it: ${unexplained}. Request it again; an administrator checks who wrote to the database`,
        ),
  stop: ({ environment: { stopped, name } }: Facts) =>
    stopped === null
      ? open('there is no emergency stop')
      : waiting(`${name} is stopped by ${stopped.by}: ${stopped.because}`, `${OPS}: let it go on`, stopped.at),
  signed: ({ unaccepted }: Facts) =>
    unaccepted === null
      ? open('the database is the one whose trail was signed')
      : waiting(
          `the database is not the one whose trail was signed: ${unaccepted.because}`,
          'an administrator: put the right database back, or accept this one (npm run shiplock -- audit accept-restore)',
          unaccepted.since,
        ),
  policy: ({ environment: { policyDisputed, name }, promotion }: Facts) =>
    policyDisputed === null
      ? open('its policy is the one that was agreed to')
      : waiting(
          `the policy of ${name} does not count: ${policyDisputed}`,
          'whoever may change it: propose it, so that it is agreed to',
          promotion.since,
        ),
  review: ({ environment: { unreviewed, name } }: Facts) =>
    unreviewed === null
      ? open('nothing that was done in an emergency waits for a review')
      : waiting(
          `${name} is frozen: ${unreviewed.by} broke the glass there, and nobody has reviewed it within 24 hours`,
          'an owner or operations, other than who did it: review it',
          unreviewed.since,
        ),
  ceiling: ({ run, environment, ceiling, promotion, wasHere, release }: Facts) => {
    if (isDeclaredReturn(promotion.kind) && wasHere) return open('it was here before')
    const goesTo = run.branchKind === 'other' || run.branchKind === 'fork' ? null : FLOW[run.branchKind].goesTo
    if (goesTo === null) return shut(`a ${run.branchKind} branch goes nowhere`)
    if (ceiling === null) return shut(`the project has no environment called ${goesTo}`)
    const trust = trustOf(run.branchKind)
    if (release !== null && !usableBy(trust).includes(release.trust))
      return shut(
        `the trust class of ${release.tag} is ${release.trust}, and a ${run.branchKind} branch uses ${usableBy(trust).join(' or ')}: the next push to ${run.branch} builds it again`,
      )
    return environment.position <= ceiling
      ? open(`a ${run.branchKind} branch may go as far as ${goesTo}`)
      : shut(`a ${run.branchKind} branch goes to ${goesTo} and no further, not to ${environment.name}`)
  },
  'service file': ({ run, environment, serviceFile }: Facts) => {
    if (!run.templated) return open('there is a valid .shiplock.yaml')
    if (environment.name === 'test')
      return open('there is no .shiplock.yaml; the test environment is as far as it may go')
    return serviceFile === 'optional'
      ? open('there is no .shiplock.yaml, and this project does not ask for one')
      : shut('there is no .shiplock.yaml, so it may not go beyond the test environment: add one to the repository')
  },
  refused: ({ release }: Facts) =>
    release?.refused == null
      ? open('operations have not refused it')
      : shut(`refused by ${release.refused.by}: ${release.refused.because}`),
  configuration: ({ missingConfig, environment }: Facts) =>
    missingConfig.length === 0
      ? open('nothing required is missing')
      : shut(
          `${environment.name} has no value for ${missingConfig.join(', ')}: give a default in .shiplock.yaml; values per environment are not carried by this version`,
        ),
  order: ({ newer, promotion, olderApproved }: Facts) => {
    if (promotion.kind === 'put-back' && newer !== null) return shut(`promotion #${newer.id} has come since`)
    if (isDeclaredReturn(promotion.kind)) return open('going back, and saying so')
    if (newer !== null)
      return shut(`promotion #${newer.id} of run #${newer.run} is newer; to go back, declare a rollback`)
    return olderApproved === null
      ? open('nothing newer is there')
      : waiting(
          `promotion #${olderApproved.id} is older and approved: it goes first, or is canceled`,
          `${OPS}: it deploys by itself, or cancel it`,
          olderApproved.since,
        )
  },
  verified: ({ environment: { after }, verified, upstream, promotion, wasHere, release }: Facts) => {
    if (after === null) return open('nothing comes before it')
    if (isDeclaredReturn(promotion.kind) && wasHere) return open('it was verified here before')
    if (verified !== null) return open(`${after} verified it (promotion #${verified.promotion})`)
    if (release === null) return waiting(`it is not built yet, and ${after} must verify it`, BY_ITSELF, promotion.since)
    const where =
      upstream === null ? `it was never there` : `there it is ${upstream.status} (promotion #${upstream.promotion})`
    return waiting(
      `${after} has not verified ${release.tag}: ${where}`,
      upstream !== null && ['waiting', 'queued', 'deploying', 'deployed', 'verifying'].includes(upstream.status)
        ? BY_ITSELF
        : `an owner or operations: promote it to ${after}`,
      promotion.since,
    )
  },
  debt: ({ debts, promotion, environment }: Facts) => {
    if (isDeclaredReturn(promotion.kind)) return open('going back does not wait for a debt')
    if (environment.after === null) return open('only what comes behind another environment waits for a debt')
    if (debts === null) return open('this project shows its debts, and does not wait for them')
    const [debt] = debts
    return debt === undefined
      ? open('every hotfix has come back to develop')
      : waiting(
          `${debt.source} must come back to develop first${debt.url === '' ? '' : `: ${debt.url}`}`,
          'an owner: merge it back',
          debt.since,
        )
  },
  tag: ({ tagAwaited }: Facts) =>
    tagAwaited === null
      ? open('no tag is waited for')
      : waiting(
          'this project tags by hand: there is no version tag on the commit yet',
          'an owner: push the tag',
          tagAwaited.since,
        ),
  hold: ({ environment: { hold, name }, promotion }: Facts) =>
    hold === null || isDeclaredReturn(promotion.kind)
      ? open('there is no hold')
      : waiting(`${name} is held by ${hold.by}: ${hold.because}`, `${OPS}: release the hold`, hold.at),
  freeze: ({ environment: { freeze, name }, promotion, votes, now }: Facts) => {
    if (promotion.kind === 'put-back') return open('putting back is part of the deployment that failed')
    const frozen = frozenAt(freeze, now)
    if (frozen === null) return open('there is no freeze now')
    const glass = glassBroken(votes)
    if (glass !== undefined) return open(`${name} is frozen, and ${glass.account} broke the glass: ${glass.comment}`)
    const over = overriders(votes)
    if (over.length >= OVERRIDERS)
      return open(`${name} is frozen, and ${over.map((v) => v.account).join(' and ')} override it: ${over[0]?.comment}`)
    const asked = over[0] === undefined ? '' : `; ${over[0].account} asks for an override: ${over[0].comment}`
    return waiting(`${name} is frozen: ${frozen.reason}${asked}`, BY_ITSELF, frozen.since, frozen.until)
  },
  soak: ({ environment: { soakMs, after }, verified, promotion, now }: Facts) => {
    if (soakMs === 0 || isDeclaredReturn(promotion.kind)) return open('no time of proof is asked for')
    if (verified === null) return waiting(`it must prove itself in ${after} first`, BY_ITSELF, promotion.since)
    const until = new Date(verified.at.getTime() + soakMs)
    return now >= until
      ? open(`it has proved itself in ${after} for long enough`)
      : waiting(`it must prove itself in ${after} until then`, BY_ITSELF, verified.at, until)
  },
  start: ({ environment: { start, name }, promotion }: Facts) => {
    if (start !== 'by-hand')
      return open(start === 'automatic' ? 'it starts by itself' : 'it starts when it is signed off')
    if (promotion.kind !== 'onward') return open(`asked for by ${promotion.requestedBy}`)
    return promotion.startedByHand === null
      ? waiting(`${name} is started by hand`, 'an owner or operations: start it', promotion.since)
      : open(`started by ${promotion.startedByHand}`)
  },
  hands: ({ environment: { approvals }, promotion, handsKnown, votes }: Facts) => {
    if (handsKnown === 'later' && approvals.length > 0)
      return open('git is asked who had a hand in it as soon as it is asked for')
    if (approvals.length === 0 || handsKnown || glassBroken(votes) !== undefined)
      return open('it is known who had a hand in it')
    return isDeclaredReturn(promotion.kind)
      ? open('going back changes what was signed before')
      : waiting('git is being asked who had a hand in it: they may not approve', BY_ITSELF, promotion.since)
  },
  approvals: ({ environment: { approvals }, votes, promotion, unsound }: Facts) => {
    if (approvals.length === 0) return open('nobody has to approve')
    if (promotion.kind === 'put-back') return open('putting back what ran before needs no new approval')
    const glass = glassBroken(votes)
    if (glass !== undefined) return open(`${glass.account} broke the glass: ${glass.comment}`)
    const rules = tally(approvals, votes)
    const lacking = rules.filter((r) => r.by.length < r.count)
    const approving = votes.filter((v) => v.decision === 'approve')
    const fallen = unsound.map((u) => `; the answer of ${u.account} does not count: ${u.because}`).join('')
    const given = approving.map((v) => `${v.account} (${v.role})`).join(', ')
    return lacking.length === 0
      ? open(`approved by ${given}`)
      : waiting(
          `${lacking.map((r) => `${r.count - r.by.length} of ${r.count} from ${r.role}${needsPasskey(r) ? ' with a passkey' : ''}`).join(' and ')} still to approve${given === '' ? '' : `; given: ${given}`}${fallen}`,
          lacking.map((r) => (r.role === 'ops' ? OPS : `role ${r.role}`)).join(' and '),
          promotion.since,
        )
  },
  'environment free': ({ busy, environment }: Facts) =>
    busy === null
      ? open('nothing else is being deployed there')
      : waiting(
          `promotion #${busy.id} is ${busy.status === 'deploying' ? 'being deployed to' : 'being verified in'} ${environment.name}; one at a time`,
          BY_ITSELF,
          busy.since,
        ),
  target: ({ environment: { unreachable } }: Facts) =>
    unreachable === null
      ? open('it answers')
      : waiting(unreachable.because, 'whoever operates it: it is asked again and again', unreachable.since),
  image: ({ image, release, environment, promotion }: Facts) => {
    if (image === 'unasked')
      return promotion.id === null || release === null
        ? open('the target is asked for the image as soon as it is requested')
        : waiting('the target is being asked whether it holds the image', BY_ITSELF, promotion.since)
    return image.lacking === null || release === null
      ? open('the target holds the image')
      : shut(whyNoImage(environment.name, release.tag, image.lacking))
  },
  room: ({ noRoom }: Facts) =>
    noRoom === null
      ? open('there is room on the disk')
      : waiting(noRoom.because, 'an operator of Shiplock: make room; it continues automatically', noRoom.since),
} as const satisfies Record<string, (facts: Facts) => Judgement>

export type GateName = keyof typeof GATES
export const GATE_NAMES = Object.keys(GATES) as GateName[]

export interface Judged {
  state: Verdict['state']
  because: string
  /** The verdict that counts; null where all are open. */
  worst: Verdict | null
  verdicts: Verdict[]
}

/** The answer of all gates, and the one that counts: shut before waiting before open. The time is that of the facts: no caller brings a clock. */
export function judge(facts: Facts): Judged {
  const verdicts = GATE_NAMES.map((gate): Verdict => {
    const answer: (f: Facts) => Judgement = GATES[gate]
    return { gate, ...answer(facts) }
  })
  const worst = verdicts.find((v) => v.state === 'shut') ?? verdicts.find((v) => v.state === 'waiting') ?? null
  return { state: worst?.state ?? 'open', because: worst?.because ?? '', worst, verdicts }
}

// May this viewer do this to this promotion now, and if not, why not: for buttons that explain themselves.
import { PROMOTION } from '../../environments/promotion'
import { next } from '../../pipelines/machine'
import { type Action, may, type Viewer, type Where, whyNotPermitted } from '../_server/permit'
import type { Can } from './shapes'

export const YES: Can = { may: true, because: '' }
export const no = (because: string): Can => ({ may: false, because })

/** What the role alone allows. */
export function permitted(viewer: Viewer, action: Action, where?: Where): Can {
  return may(viewer, action, where) ? YES : no(whyNotPermitted(viewer, action, where))
}

/** The first reason that stands against it. */
export const first = (...answers: readonly Can[]): Can => answers.find((a) => !a.may) ?? YES

const unless = (because: string | null): Can => (because === null ? YES : no(because))

/** What the gates and the verbs look at, as far as buttons need it. */
export interface Standing {
  status: string
  kind: string
  projectId: number
  environment: string
  start: string
  startedByHand: string | null
  /** It is what the environment was last observed running. */
  isRunning: boolean
  refused: boolean
  /** Which answers this very person could give. */
  answers: Record<'approve' | 'reject' | 'override' | 'breakGlass', Can>
}

const arrow = (status: string, event: string, because: string): Can =>
  unless(next(PROMOTION, status, event) === undefined ? because : null)

/** Each action on a promotion: may it be done now, by this viewer? Pure. */
export function canDo(viewer: Viewer, it: Standing) {
  const where = { projectId: it.projectId, environment: it.environment }
  const waits = unless(it.status === 'waiting' ? null : `it is ${it.status}, and no longer waits`)
  return {
    approve: first(permitted(viewer, 'promotions.approve', where), it.answers.approve),
    reject: first(permitted(viewer, 'promotions.reject', where), it.answers.reject),
    override: first(permitted(viewer, 'promotions.override', where), it.answers.override),
    breakGlass: first(permitted(viewer, 'promotions.break-glass', where), it.answers.breakGlass),
    start: first(
      permitted(viewer, 'promotions.request', where),
      waits,
      unless(it.start === 'by-hand' && it.kind === 'onward' ? null : 'it is not started by hand'),
      unless(it.startedByHand === null ? null : `${it.startedByHand} has started it`),
    ),
    cancel: first(
      permitted(viewer, 'promotions.cancel', where),
      arrow(it.status, 'cancel', `it is ${it.status}: there is nothing to cancel`),
    ),
    retry: first(
      permitted(viewer, 'promotions.retry', where),
      arrow(it.status, 'retry', `it is ${it.status}: only what failed or errored is tried again`),
    ),
    rollback: first(
      permitted(viewer, 'promotions.rollback', where),
      unless(
        it.status === 'verified' ? null : `it was not verified in ${it.environment}: there is nothing to go back to`,
      ),
      unless(it.isRunning ? `it is what ${it.environment} runs now` : null),
      unless(it.refused ? 'the release is refused' : null),
    ),
    refuse: first(
      permitted(viewer, 'releases.refuse', where),
      unless(it.refused ? 'the release is refused already' : null),
    ),
  }
}

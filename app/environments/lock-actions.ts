import type { getTranslations } from 'next-intl/server'
import { may, type Viewer } from '../_server/permit'
import type { LockActions } from '../_ui/lock'
import { whyNot } from '../why-not'

type T = Awaited<ReturnType<typeof getTranslations<never>>>

/** What this viewer may do on a lock that stands on the page `back`. */
export const lockActions = (t: T, who: Viewer, back: `/${string}`): LockActions => ({
  hold: whyNot(t, who, 'environments.hold'),
  // The same for every lock of a board: who may not is told on the environment's own page.
  rollback: may(who, 'promotions.rollback') ? null : undefined,
  signs: may(who, 'promotions.approve'),
  back,
})

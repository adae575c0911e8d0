import type { getTranslations } from 'next-intl/server'
import { may, type Viewer } from '../_server/permit'
import type { LockActions } from '../_ui/lock'
import { whyNot } from '../why-not'

type T = Awaited<ReturnType<typeof getTranslations<never>>>

/** What this viewer may do on a lock that stands on the page `back`. */
export function lockActions(
  t: T,
  who: Viewer,
  place: { name: string; project: { id: number } },
  back: `/${string}`,
): LockActions {
  const where = { projectId: place.project.id, environment: place.name }
  return {
    hold: whyNot(t, who, 'environments.hold', undefined, where),
    // The same for every lock of a board: who may not is told on the environment's own page.
    rollback: may(who, 'promotions.rollback', where) ? null : undefined,
    signs: may(who, 'promotions.approve', where),
    back,
  }
}

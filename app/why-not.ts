import type { getTranslations } from 'next-intl/server'
import { type Action, may, PERMITS, type Viewer } from './_server/permit'
import { roleName } from './_ui/names'
import type { Can } from './promotions/shapes'

type T = Awaited<ReturnType<typeof getTranslations<never>>>

/** Said beside the button that it disables; null where it may be pressed. What the role lacks is told in the reader's language. */
export function whyNot(t: T, who: Viewer, action: Action, can?: Can): string | null {
  if (!may(who, action))
    return t('act.notPermitted', {
      role: roleName(t, who.role),
      roles: PERMITS[action].roles.map((role) => roleName(t, role)).join(', '),
    })
  return can === undefined || can.may ? null : can.because
}

import type { getTranslations } from 'next-intl/server'
import { type Action, may, PERMITS, rolesAt, type Viewer, type Where } from './_server/permit'
import { roleName } from './_ui/names'
import type { Can } from './promotions/shapes'

type T = Awaited<ReturnType<typeof getTranslations<never>>>

/** Said beside the button that it disables; null where it may be pressed. What the role lacks is told in the reader's language. */
export function whyNot(t: T, who: Viewer, action: Action, can?: Can, where?: Where): string | null {
  if (!may(who, action, where))
    return t('act.notPermitted', {
      role: rolesHeld(t, who, where),
      roles: PERMITS[action].roles.map((role) => roleName(t, role)).join(', '),
    })
  return can === undefined || can.may ? null : can.because
}

/** The roles that they hold there, in the reader's language. */
export const rolesHeld = (t: T, who: Viewer, where?: Where): string => {
  const held = rolesAt(who, where)
  return (held.length > 0 ? held : (['member'] as const)).map((role) => roleName(t, role)).join(', ')
}

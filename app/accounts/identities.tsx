import { getTranslations } from 'next-intl/server'
import type { ReactNode } from 'react'
import { Time } from '../_ui/time'
import type { IdentityShape } from './shapes'

/** Who somebody is elsewhere. @param act what can be done with one */
export async function Identities({
  identities,
  act,
}: {
  identities: readonly IdentityShape[]
  act?: (identity: IdentityShape) => ReactNode
}) {
  const t = await getTranslations('people.identity')
  if (identities.length === 0) return <p className="card px-4 py-3 text-soft">{t('none')}</p>
  return (
    <ul className="card divide-y divide-line">
      {identities.map((identity) => (
        <li key={identity.id} className="flex flex-wrap items-center justify-between gap-x-5 gap-y-2 px-4 py-3">
          <div className="min-w-0 flex-[1_1_14rem]">
            <p className="font-medium wrap-anywhere">{identity.name || identity.subject}</p>
            <p className="text-[13px] text-soft wrap-anywhere">
              {t('at', { issuer: identity.issuer.replace(/^https?:\/\//, ''), subject: identity.subject })}
            </p>
            {identity.lastUsedAt && (
              <p className="text-[13px] text-faint">
                {t.rich('used', { at: () => <Time at={identity.lastUsedAt ?? ''} /> })}
              </p>
            )}
          </div>
          {act?.(identity)}
        </li>
      ))}
    </ul>
  )
}

import { useTranslations } from 'next-intl'
import { ROLES } from '../_server/permit'

/** What each role is for, in a sentence. */
export function Roles() {
  const t = useTranslations()
  return (
    <section aria-label={t('accounts.roles')}>
      <h2 className="mb-2.5 text-sm font-semibold">{t('accounts.roles')}</h2>
      <dl className="space-y-3 text-[13px]">
        {ROLES.map((role) => (
          <div key={role}>
            <dt className="font-medium">{t(`account.role.${role}`)}</dt>
            <dd className="text-soft">{t(`accounts.roleHelp.${role}`)}</dd>
          </div>
        ))}
      </dl>
    </section>
  )
}

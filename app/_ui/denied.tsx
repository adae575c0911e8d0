import { Lock } from 'lucide-react'
import Link from 'next/link'
import { useTranslations } from 'next-intl'
import { button } from './button'
import type { RoleName } from './names'
import { Empty } from './page'

/** A page that this account may not open, and why. */
export function Denied({ role, why }: { role: RoleName; why: string }) {
  const t = useTranslations()
  return (
    <Empty
      icon={<Lock aria-hidden="true" />}
      title={t('denied.title')}
      text={t('denied.text', { role: t(`account.role.${role}`), why })}
      action={
        <Link href="/" className={button({ kind: 'primary' })}>
          {t('denied.back')}
        </Link>
      }
    />
  )
}

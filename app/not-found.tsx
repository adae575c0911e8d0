import { Anchor } from 'lucide-react'
import Link from 'next/link'
import { getTranslations } from 'next-intl/server'
import { button } from './_ui/button'
import { Empty } from './_ui/page'

export default async function NotFound() {
  const t = await getTranslations('notFound')
  return (
    <Empty
      icon={<Anchor aria-hidden="true" />}
      title={t('title')}
      text={t('text')}
      action={
        <Link href="/" className={button({ kind: 'primary' })}>
          {t('back')}
        </Link>
      }
    />
  )
}

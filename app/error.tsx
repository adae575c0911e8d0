'use client'
import { LifeBuoy } from 'lucide-react'
import { useRouter } from 'next/navigation'
import { useTranslations } from 'next-intl'
import { startTransition } from 'react'
import { Button } from './_ui/button'
import { Empty } from './_ui/page'

/** A page that could not be made. What was thrown stays in the server's log, under the reference. */
export default function PageError({ error, reset }: { error: Error & { digest?: string }; reset: () => void }) {
  const t = useTranslations('error')
  const router = useRouter()
  const again = () =>
    startTransition(() => {
      router.refresh()
      reset()
    })
  return (
    <Empty
      icon={<LifeBuoy aria-hidden="true" />}
      title={t('title')}
      text={`${t('text')}${error.digest ? ` ${t('code', { digest: error.digest })}` : ''}`}
      action={
        <Button kind="primary" onClick={again}>
          {t('again')}
        </Button>
      }
    />
  )
}

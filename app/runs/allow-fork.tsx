import { Play } from 'lucide-react'
import { useTranslations } from 'next-intl'
import { ActForm } from '../_ui/act'
import { shortCommit } from '../_ui/duration'

interface Props {
  run: number
  head: string
  /** The page that it stands on. */
  back: `/${string}`
  /** Why this viewer may not; null: may. */
  denied: string | null
}

/** Says go for the static checks of a fork's commit. */
export function AllowFork({ run, head, back, denied }: Props) {
  const t = useTranslations('fork')
  return (
    <ActForm
      path={`/api/v1/runs/${run}/allow`}
      back={back}
      text={t('go', { head: shortCommit(head) })}
      icon={<Play aria-hidden="true" className="size-4 shrink-0" />}
      denied={denied}
      className="mt-2.5"
    >
      {denied === null && <p className="text-[13px]">{t('goHelp')}</p>}
    </ActForm>
  )
}

import { Hourglass } from 'lucide-react'
import { useTranslations } from 'next-intl'
import type { Waiting } from '../shapes'
import { cn } from './classes'
import { Time } from './time'

/** Why it is waiting: what, who, since when, until when. */
export function WhyWaiting({ waiting, className }: { waiting: Waiting; className?: string }) {
  const t = useTranslations('waiting')
  return (
    <div className={cn('rounded-lg bg-wait-ground px-3.5 py-3', className)}>
      <p className="flex gap-2 font-medium text-wait wrap-anywhere">
        <Hourglass aria-hidden="true" className="mt-0.5 size-4 shrink-0" />
        <span>
          <span className="sr-only">{t('title')}: </span>
          {waiting.what}
        </span>
      </p>
      <dl className="mt-1.5 flex flex-wrap gap-x-5 gap-y-1 pl-6 text-[13px]">
        <Fact name={t('who')}>{waiting.who}</Fact>
        <Fact name={t('since')}>
          <Time at={waiting.since} />
        </Fact>
        {waiting.until && (
          <Fact name={t('until')}>
            <Time at={waiting.until} />
          </Fact>
        )}
      </dl>
    </div>
  )
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div className="flex gap-1.5">
      <dt className="whitespace-nowrap text-soft">{name}</dt>
      <dd className="wrap-anywhere">{children}</dd>
    </div>
  )
}

import Link from 'next/link'
import { useTranslations } from 'next-intl'
import type { ReactNode } from 'react'
import { Branch, Commit, Outward } from '../../_ui/refs'
import { LOOKS, StatusBadge, statusName } from '../../_ui/status'
import { Duration, Time } from '../../_ui/time'
import { TrustWords } from '../../_ui/trust'
import type { RunDetail } from '../../shapes'

/** Under the title: how it stands, what and whose it is, and its times. */
export function RunFacts({ run }: { run: RunDetail }) {
  const t = useTranslations()
  const moving = 'moving' in LOOKS[statusName(run.status)] && run.finishedAt === null
  return (
    <div className="mt-2 flex flex-wrap items-center gap-x-4 gap-y-2 text-[13px]">
      <StatusBadge status={run.status} />
      <Link href={`/projects/${run.project.id}`} className="link font-medium">
        {run.service}
      </Link>
      <span className="inline-flex max-w-full min-w-0 flex-wrap items-center gap-x-2">
        <Branch name={run.branch} />
        <span aria-hidden="true" className="text-faint">
          →
        </span>
        <Commit commit={run.commit} />
        {run.webUrl && <Outward href={run.webUrl}>{t('word.onForge')}</Outward>}
      </span>
      <span>{t('word.pushedBy', { name: run.pusher })}</span>
      <Fact name={t('run.received')}>
        <Time at={run.createdAt} />
      </Fact>
      {run.ms !== null && run.status !== 'errored' && (
        <Fact name={t('run.duration')}>
          <Duration ms={run.ms} moving={moving} />
        </Fact>
      )}
      {run.waited_ms !== null && (
        <Fact name={t('run.waited')}>
          <Duration ms={run.waited_ms} />
        </Fact>
      )}
      <p className="basis-full">
        <span className="text-faint">{t('trust.title')}</span> <TrustWords trust={run.trust} />
      </p>
    </div>
  )
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <span className="whitespace-nowrap">
      <span className="text-faint">{name}</span> {children}
    </span>
  )
}

import Link from 'next/link'
import { useTranslations } from 'next-intl'
import type { ReactNode } from 'react'
import { Branch, Outward } from '../../_ui/refs'
import { StatusBadge } from '../../_ui/status'
import { Time } from '../../_ui/time'
import type { PromotionDetail } from '../shapes'

const KINDS = ['onward', 'by-hand', 'rollback', 'put-back'] as const

/** Under the title: how it stands, what it is about, who asked for it, and when. */
export function PromotionFacts({ promotion }: { promotion: PromotionDetail }) {
  const t = useTranslations('promotion')
  const kind = KINDS.find((k) => k === promotion.kind)
  return (
    <div className="mt-2 space-y-2 text-[13px]">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
        <StatusBadge status={promotion.status} />
        <Link href={`/projects/${promotion.project.id}`} className="link font-medium wrap-anywhere">
          {promotion.project.path}
        </Link>
        <span className="inline-flex max-w-full min-w-0 flex-wrap items-center gap-x-2">
          <Branch name={promotion.branch} />
          <Link href={`/runs/${promotion.run}`} className="text-accent hover:underline">
            {t('run', { id: promotion.run })}
          </Link>
          <Link href={`/releases/${promotion.release.id}`} className="text-accent hover:underline">
            {t('release')} {promotion.release.tag}
          </Link>
        </span>
        {promotion.url && promotion.status !== 'canceled' && <Outward href={promotion.url}>{t('openService')}</Outward>}
      </div>
      <div className="flex flex-wrap items-center gap-x-4 gap-y-1">
        <span>
          {t('requested', { name: promotion.requestedBy })}
          {kind && <span className="text-faint"> ({t(`kind.${kind}`)})</span>}
        </span>
        <Fact name={t('requestedAt')}>
          <Time at={promotion.createdAt} />
        </Fact>
        {promotion.deployedAt && (
          <Fact name={t('deployedAt')}>
            <Time at={promotion.deployedAt} />
          </Fact>
        )}
        {promotion.verifiedAt && (
          <Fact name={t('verifiedAt')}>
            <Time at={promotion.verifiedAt} />
          </Fact>
        )}
        {promotion.insteadOf !== null && (
          <Link href={`/promotions/${promotion.insteadOf}`} className="text-accent hover:underline">
            {t('insteadOf', { id: promotion.insteadOf })}
          </Link>
        )}
        {promotion.forge.deployment && (
          <Fact name={t('forge')}>
            {t('forgeDeployment', { id: promotion.forge.deployment, state: promotion.forge.state ?? '–' })}
          </Fact>
        )}
      </div>
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

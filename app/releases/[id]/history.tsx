import Link from 'next/link'
import { useTranslations } from 'next-intl'
import type { ReactNode } from 'react'
import { shortCommit } from '../../_ui/duration'
import { environmentName } from '../../_ui/names'
import { Branch, Outward } from '../../_ui/refs'
import { StatusBadge } from '../../_ui/status'
import { Time } from '../../_ui/time'
import type { ReleaseDetail } from '../shapes'

/** Every promotion of it, newest first. */
export function Came({ promotions }: { promotions: ReleaseDetail['promotions'] }) {
  const t = useTranslations()
  if (promotions.length === 0) return <Nothing>{t('release.noPromotions')}</Nothing>
  return (
    <ol className="card divide-y divide-line text-[13px]">
      {promotions.map((p) => (
        <li key={p.id} className="px-4 py-2.5">
          <p className="flex flex-wrap items-center gap-x-3 gap-y-1">
            <StatusBadge status={p.status} />
            <Link href={`/promotions/${p.id}`} className="link font-medium">
              {environmentName(t, p.environment)} <span className="font-normal text-faint">#{p.id}</span>
            </Link>
            <span className="text-soft wrap-anywhere">{p.requestedBy}</span>
            <span className="ml-auto text-soft">
              <Time at={p.createdAt} />
            </span>
          </p>
          {(p.waiting?.what || p.because) && (
            <p className="mt-1 text-soft wrap-anywhere">{p.waiting?.what || p.because}</p>
          )}
        </li>
      ))}
    </ol>
  )
}

export function Runs({ runs }: { runs: ReleaseDetail['runs'] }) {
  const t = useTranslations('release')
  return (
    <ol className="card divide-y divide-line text-[13px]">
      {runs.map((run) => (
        <li key={run.id} className="flex flex-wrap items-center gap-x-3 gap-y-1 px-4 py-2.5">
          <StatusBadge status={run.status} />
          <Link href={`/runs/${run.id}`} className="link font-medium">
            {t('run', { id: run.id })}
          </Link>
          <Branch name={run.branch} />
          <span className="text-soft">{t(run.adopted ? 'adopted' : 'built')}</span>
          <span className="ml-auto text-soft">
            <Time at={run.createdAt} />
          </span>
        </li>
      ))}
    </ol>
  )
}

export function Tags({ tags }: { tags: ReleaseDetail['tags'] }) {
  const t = useTranslations('release')
  if (tags.length === 0) return <Nothing>{t('noTags')}</Nothing>
  return (
    <ul className="card divide-y divide-line text-[13px]">
      {tags.map((tag) => (
        <li key={`${tag.name} ${tag.commit}`} className="px-4 py-2.5">
          <p className="flex flex-wrap items-center gap-x-3 gap-y-1">
            <StatusBadge status={tag.status} />
            <span className="font-medium wrap-anywhere">{tag.name ?? t('noName')}</span>
            <code className="text-xs text-soft">{shortCommit(tag.commit)}</code>
            {tag.by && <span className="text-soft">{t('madeBy', { name: tag.by })}</span>}
          </p>
          {tag.because && <p className="mt-1 text-soft wrap-anywhere">{tag.because}</p>}
        </li>
      ))}
    </ul>
  )
}

/** What reached production and has to come back; a hotfix's is a debt until it has. */
export function WayBack({ backMerges }: { backMerges: ReleaseDetail['backMerges'] }) {
  const t = useTranslations('release')
  if (backMerges.length === 0) return <Nothing>{t('noBackMerges')}</Nothing>
  return (
    <ul className="card divide-y divide-line text-[13px]">
      {backMerges.map((b) => (
        <li key={b.id} className="px-4 py-2.5">
          <p className="flex flex-wrap items-center gap-x-3 gap-y-1">
            <StatusBadge status={b.status} />
            <span className="font-medium wrap-anywhere">
              {b.source} → {b.target}
            </span>
            {b.hotfix && <span className="text-err">{t('hotfix')}</span>}
            {b.url && <Outward href={b.url}>{b.url.split('/').at(-1)}</Outward>}
            <span className="ml-auto text-soft">
              <Time at={b.since} />
            </span>
          </p>
          {b.because && <p className="mt-1 text-soft wrap-anywhere">{b.because}</p>}
        </li>
      ))}
    </ul>
  )
}

const Nothing = ({ children }: { children: ReactNode }) => <p className="card px-4 py-3 text-soft">{children}</p>

import Link from 'next/link'
import { useTranslations } from 'next-intl'
import type { RunDetail } from '../shapes'
import { Moment } from './time'

/** Who did what, in the order it happened; reasons stand as they were recorded. */
export function Trail({ trail }: { trail: RunDetail['trail'] }) {
  const t = useTranslations('run')
  if (trail.length === 0) return <p className="card px-4 py-3 text-soft">{t('noTrail')}</p>
  return (
    <ol className="card max-h-[34rem] divide-y divide-line overflow-y-auto">
      {trail.map((entry) => (
        <li key={entry.id} className="px-4 py-2 text-[13px]">
          <p className="flex flex-wrap items-baseline justify-between gap-x-3">
            <span>
              <code className="text-xs text-ink">{entry.kind}</code>{' '}
              {entry.name && <span className="font-medium text-ink">{entry.name}</span>}{' '}
              <span className="text-soft">{entry.actor}</span>
            </span>
            <Moment at={entry.at} className="text-xs text-faint" />
          </p>
          {entry.because && <p className="text-soft wrap-anywhere">{entry.because}</p>}
        </li>
      ))}
    </ol>
  )
}

/** The way from one thing's own entries to the whole trail, where each has its proof. */
export function FollowInTrail({ release }: { release: { id: number; tag: string } }) {
  const t = useTranslations('trail')
  return (
    <Link href={`/trail?release=${release.id}`} className="rounded text-[13px] text-accent hover:underline">
      {t('followWhole', { tag: release.tag })}
    </Link>
  )
}

import Link from 'next/link'
import { useTranslations } from 'next-intl'
import { environmentName } from '../_ui/names'
import { Time } from '../_ui/time'
import type { TrailEntry } from './shapes'
import { Signed } from './signed'

const LINK = 'relative z-10 rounded text-accent hover:underline wrap-anywhere'

/** One entry of the list; it leads to its exact bytes. */
export function EntryRow({ entry }: { entry: TrailEntry }) {
  const t = useTranslations('trail')
  return (
    <li className="relative grid grid-cols-[minmax(0,1fr)_auto] gap-x-5 gap-y-1 px-4 py-2.5 first:rounded-t-[10px] last:rounded-b-[10px] hover:bg-raised/60 lg:grid-cols-[5.5rem_minmax(0,1fr)_12rem_5rem]">
      <p className="flex items-center gap-1.5 self-start text-[13px] text-faint max-lg:order-1">
        <Signed entry={entry} />
        {entry.seq !== null && <span>#{entry.seq}</span>}
      </p>
      <div className="min-w-0 max-lg:order-3 max-lg:col-span-2">
        <p className="flex flex-wrap items-baseline gap-x-2">
          <What entry={entry} />
          {entry.before !== null && entry.after !== null && (
            <code className="text-xs text-soft">
              {entry.before} → {entry.after}
            </code>
          )}
        </p>
        {entry.because && <p className="mt-0.5 line-clamp-2 text-[13px] text-soft wrap-anywhere">{entry.because}</p>}
        <Places entry={entry} />
        {entry.differs !== null && (
          <p className="mt-0.5 text-[13px] text-fail">{t('differs', { what: entry.differs })}</p>
        )}
        {entry.seq === null && <p className="mt-0.5 text-[13px] text-fail">{t('notChainedHelp')}</p>}
      </div>
      <p className="min-w-0 text-[13px] max-lg:order-4 max-lg:col-span-2">
        <Link
          href={`/trail?person=${encodeURIComponent(entry.actor)}`}
          title={entry.actor}
          aria-label={t('personOnly', { name: entry.name || entry.actor })}
          className={LINK}
        >
          {entry.name || entry.actor}
        </Link>
        {entry.name === '' && <span className="text-faint"> {t('nobody')}</span>}
      </p>
      <div className="text-right text-[13px] text-soft max-lg:order-2">
        <Time at={entry.at} />
      </div>
    </li>
  )
}

function What({ entry }: { entry: TrailEntry }) {
  const words = (
    <>
      <code className="text-[13px]">{entry.kind}</code>{' '}
      <span className="font-medium">{entry.what ?? `${entry.subject.kind} ${entry.subject.id}`}</span>
    </>
  )
  if (entry.seq === null) return <span className="wrap-anywhere">{words}</span>
  return (
    <Link href={`/trail/${entry.seq}`} className="link cover wrap-anywhere">
      {words}
    </Link>
  )
}

/** Where it belongs, each a way to what else there is of it. */
function Places({ entry: { project, environment, release, run } }: { entry: TrailEntry }) {
  const t = useTranslations()
  if (!project && !environment && !release && run === null) return null
  return (
    <p className="mt-0.5 flex flex-wrap gap-x-3 text-[13px] text-soft">
      {project && <span className="wrap-anywhere">{project.path}</span>}
      {environment && <span>{environmentName(t, environment.name)}</span>}
      {run !== null && (
        <Link href={`/runs/${run}`} className={LINK}>
          {t('trail.run', { id: run })}
        </Link>
      )}
      {release && (
        <Link href={`/trail?release=${release.id}`} className={LINK}>
          {t('trail.follow', { tag: release.tag })}
        </Link>
      )}
    </p>
  )
}

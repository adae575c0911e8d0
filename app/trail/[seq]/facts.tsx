import Link from 'next/link'
import { useTranslations } from 'next-intl'
import type { ReactNode } from 'react'
import { environmentName } from '../../_ui/names'
import { Moment } from '../../_ui/time'
import type { TrailEntryWhole } from '../shapes'
import { pageOf } from '../subject'

const LINK = 'rounded text-accent hover:underline wrap-anywhere'
const WRITERS = ['web', 'worker', 'owner'] as const

/** The entry in words, as the row has it. */
export function Facts({ entry }: { entry: TrailEntryWhole }) {
  const t = useTranslations('trail')
  const writer = WRITERS.find((known) => known === entry.writer)
  const facts: (readonly [name: string, value: ReactNode])[] = [
    [t('when'), <Moment key="when" at={entry.at} />],
    [t('who'), <Who key="who" entry={entry} />],
    [t('writer'), writer ? t(`writers.${writer}`) : entry.writer],
    [t('subject'), <About key="about" entry={entry} />],
    [t('where'), isSomewhere(entry) ? <Where key="where" entry={entry} /> : null],
    [t('change'), entry.after === null ? null : <code key="change">{`${entry.before ?? '–'} → ${entry.after}`}</code>],
    [t('because'), entry.because || null],
    [
      t('leaf'),
      <code key="leaf" className="text-xs break-all">
        {entry.leaf}
      </code>,
    ],
    [
      t('prev'),
      entry.prev && entry.seq !== null ? (
        <Link key="prev" href={`/trail/${entry.seq - 1}`} className={LINK}>
          <code className="text-xs break-all">{entry.prev}</code>
        </Link>
      ) : null,
    ],
  ]
  return (
    <dl className="card grid gap-x-6 gap-y-0.5 px-4 py-3 sm:gap-y-2 sm:grid-cols-[9rem_minmax(0,1fr)]">
      {facts
        .filter(([, value]) => value !== null)
        .map(([name, value]) => (
          <div key={name} className="contents">
            <dt className="text-[13px] text-soft">{name}</dt>
            <dd className="min-w-0 wrap-anywhere max-sm:mb-2">{value}</dd>
          </div>
        ))}
    </dl>
  )
}

function Who({ entry }: { entry: TrailEntryWhole }) {
  const t = useTranslations('trail')
  return (
    <>
      {entry.name || <span className="text-faint">{t('nobody')}</span>}{' '}
      <Link href={`/trail?person=${encodeURIComponent(entry.actor)}`} className={LINK}>
        <code className="text-xs">{entry.actor}</code>
      </Link>
    </>
  )
}

function About({ entry }: { entry: TrailEntryWhole }) {
  const page = pageOf(entry)
  const words = `${entry.subject.kind} ${entry.subject.id}${entry.what ? ` · ${entry.what}` : ''}`
  return page === null ? (
    <code className="text-[13px]">{words}</code>
  ) : (
    <Link href={page} className={LINK}>
      <code className="text-[13px]">{words}</code>
    </Link>
  )
}

const isSomewhere = ({ project, environment, release, run }: TrailEntryWhole) =>
  project !== null || environment !== null || release !== null || run !== null

function Where({ entry: { project, environment, release, run } }: { entry: TrailEntryWhole }) {
  const t = useTranslations()
  return (
    <span className="flex flex-wrap gap-x-4">
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
    </span>
  )
}

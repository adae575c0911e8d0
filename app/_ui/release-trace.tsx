import { Check, CircleDashed, GitCommitHorizontal } from 'lucide-react'
import { useTranslations } from 'next-intl'
import type { ReleaseDetail } from '../releases/shapes'
import { shortCommit, shortDigest } from './duration'
import { environmentName } from './names'
import { StatusIcon, statusName, toneOf } from './status'
import { TRACE, TraceNode } from './trace'

/** One left-to-right trace: the commit, the runs that made or adopted it, the release, and every environment in order. */
export function ReleaseTrace({ release }: { release: ReleaseDetail }) {
  const t = useTranslations()
  const reached = (status: string | null) => status === 'deployed' || status === 'verifying' || status === 'verified'
  return (
    <ol className={TRACE} aria-label={t('release.trace')}>
      <TraceNode
        icon={<GitCommitHorizontal aria-hidden="true" className="size-4" />}
        tone="bg-accent-ground text-accent"
        title={t('release.commit')}
        detail={<span className="font-mono">{shortCommit(release.commit)}</span>}
        reached
      />
      {release.runs.slice(0, MOST_RUNS).map((run) => (
        <TraceNode
          key={run.id}
          icon={<StatusIcon status={run.status} />}
          tone={toneOf(run.status).badge}
          title={t('release.run', { id: run.id })}
          detail={run.branch}
          href={`/runs/${run.id}`}
          reached
        />
      ))}
      <TraceNode
        icon={
          release.refused ? (
            <StatusIcon status="refused" />
          ) : (
            <Check aria-hidden="true" className="size-4" strokeWidth={2.25} />
          )
        }
        tone={release.refused ? toneOf('refused').badge : 'bg-ok-ground text-ok'}
        title={t('release.release')}
        detail={<span className="font-mono">{shortDigest(release.digest)}</span>}
        reached
      />
      {release.places.map((place) => (
        <TraceNode
          key={place.environmentId}
          icon={
            place.status ? (
              <StatusIcon status={place.status} />
            ) : (
              <CircleDashed aria-hidden="true" className="size-4" strokeWidth={2.25} />
            )
          }
          tone={place.status ? toneOf(place.status).badge : 'bg-mute-ground text-mute'}
          title={environmentName(t, place.environment)}
          detail={
            place.status
              ? [t(`status.${statusName(place.status)}`), ...(place.running ? [t('release.runsHere')] : [])].join(' · ')
              : t('release.never')
          }
          {...(place.promotion === null ? {} : { href: `/promotions/${place.promotion}` })}
          chosen={place.running}
          reached={reached(place.status)}
        />
      ))}
    </ol>
  )
}

/** Beyond these the trace would not be read at a glance; the list below it has them all. */
const MOST_RUNS = 4

import { EyeOff, HeartCrack, HeartPulse, Loader } from 'lucide-react'
import Link from 'next/link'
import { useTranslations } from 'next-intl'
import type { ReactNode } from 'react'
import type { EnvironmentShape } from '../shapes'
import { cn } from './classes'
import { shortDigest } from './duration'
import { environmentInText } from './names'
import { Banner } from './place-banners'
import { Time } from './time'

type Observed = NonNullable<EnvironmentShape['observed']>

/** Why what stands in an environment is not what it should be: what was seen, since when, and who can act. */
export function ReadingBanners({ environment }: { environment: EnvironmentShape }) {
  const t = useTranslations('board')
  const { observed, running } = environment
  if (observed === null) return null
  const { health, because, unknown, digest, deployed } = observed
  const since = <Since observed={observed} />
  return (
    <>
      {unknown && (
        <Banner kind="unknown" title={t('unknown', { because: unknown.because })}>
          <span>
            {t('unknownHelp')} <Time at={unknown.since} />
          </span>
        </Banner>
      )}
      {running !== null && health === 'unhealthy' && (
        <Banner kind="sick" title={t('unhealthy', { because })}>
          <span>
            {since} {t('unhealthyHelp')}
          </span>
        </Banner>
      )}
      {running !== null && health === 'progressing' && (
        <Banner kind="starts" title={t('starting', { because })}>
          {since}
        </Banner>
      )}
      {running === null && deployed !== null && digest !== null && (
        <Banner kind="sick" title={t('otherRuns', { observed: shortDigest(digest), tag: deployed.tag })}>
          <span className="block">{because}</span>
          {since}
        </Banner>
      )}
    </>
  )
}

/** Two times that are easily mixed up: since when it is so, and when it was last seen to be so. */
function Since({ observed: { since, observedAt } }: { observed: Observed }) {
  const t = useTranslations('board')
  return (
    <span className="text-soft">
      {t.rich('since', { since: () => <Time at={since} />, seen: () => <Time at={observedAt ?? since} /> })}
    </span>
  )
}

/** What was deployed here, and does not run: it is not deployed again automatically. */
export function NotRunning(props: { environment: EnvironmentShape; observed: Observed; rollback: ReactNode }) {
  const { environment, observed, rollback } = props
  const t = useTranslations()
  const { deployed } = observed
  if (deployed === null) return null
  return (
    <div className="py-5 pr-4 pl-5">
      <p className="font-medium text-fail">{t('board.doesNotRun')}</p>
      {observed.digest === null && (
        <div className="mt-0.5 text-[13px] wrap-anywhere">
          <p>{observed.because}</p>
          <Since observed={observed} />
        </div>
      )}
      <p className="mt-1.5 text-[13px] text-soft">
        {t.rich('board.wasDeployed', {
          link: () => (
            <Link href={`/promotions/${deployed.promotion}`} className="link font-medium wrap-anywhere">
              {deployed.tag}
            </Link>
          ),
          time: () => (deployed.at === null ? '' : <Time at={deployed.at} />),
        })}
      </p>
      <p className="mt-1.5 text-[13px] text-faint">
        {t('board.doesNotRunHelp', { environment: environmentInText(t, environment.name) })}
      </p>
      {rollback && <div className="mt-3 flex flex-wrap gap-x-1 gap-y-2">{rollback}</div>}
    </div>
  )
}

/** The last reading in one line: what was seen, and when. */
export function LastReading({ observed }: { observed: Observed }) {
  const t = useTranslations('board')
  if (observed.unknown !== null || observed.observedAt === null)
    return (
      <span className="inline-flex items-center gap-1 text-err">
        <EyeOff aria-hidden="true" className="size-3.5 shrink-0" />
        {t('notKnownNow')}
      </span>
    )
  const { icon: Icon, tone, word } = HEALTH[observed.health as keyof typeof HEALTH] ?? HEALTH.unhealthy
  return (
    <span className={cn('inline-flex flex-wrap items-center gap-x-1', tone)} title={observed.because}>
      <Icon aria-hidden="true" className="size-3.5 shrink-0" />
      {t(word)}
      <span className="text-faint">
        · <Time at={observed.observedAt} />
      </span>
    </span>
  )
}

const HEALTH = {
  healthy: { icon: HeartPulse, tone: 'text-ok', word: 'healthy' },
  progressing: { icon: Loader, tone: 'text-queue', word: 'startingShort' },
  unhealthy: { icon: HeartCrack, tone: 'text-fail', word: 'unhealthyShort' },
} as const

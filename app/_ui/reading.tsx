import { EyeOff, HeartPulse } from 'lucide-react'
import Link from 'next/link'
import { useTranslations } from 'next-intl'
import type { EnvironmentShape } from '../shapes'
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
  const since = <Time at={observed.since} />
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
            {t('unhealthyHelp')} {since}
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
          <span>
            {because} {since}
          </span>
        </Banner>
      )}
    </>
  )
}

/** What was deployed here, and does not run: it is not deployed again automatically. */
export function NotRunning({ environment, observed }: { environment: EnvironmentShape; observed: Observed }) {
  const t = useTranslations()
  const { deployed } = observed
  if (deployed === null) return null
  return (
    <div className="py-5 pr-4 pl-5">
      <p className="font-medium text-fail">{t('board.doesNotRun')}</p>
      {observed.digest === null && <p className="mt-0.5 text-[13px] wrap-anywhere">{observed.because}</p>}
      <p className="mt-1.5 text-[13px] text-soft">
        {t('board.wasDeployed')}{' '}
        <Link href={`/promotions/${deployed.promotion}`} className="link font-medium wrap-anywhere">
          {deployed.tag}
        </Link>{' '}
        · <Time at={observed.since} />
      </p>
      <p className="mt-1.5 text-[13px] text-faint">
        {t('board.doesNotRunHelp', { environment: environmentInText(t, environment.name) })}
      </p>
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
  if (observed.health !== 'healthy') return <span className="text-fail">{t(healthWord(observed.health))}</span>
  return (
    <span className="inline-flex flex-wrap items-center gap-x-1 text-ok" title={observed.because}>
      <HeartPulse aria-hidden="true" className="size-3.5 shrink-0" />
      {t('healthy')}
      <span className="text-faint">
        · <Time at={observed.observedAt} />
      </span>
    </span>
  )
}

const healthWord = (health: string) => (health === 'progressing' ? 'startingShort' : 'unhealthyShort')

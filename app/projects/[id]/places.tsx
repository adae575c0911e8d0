import { ArrowRight, Hand } from 'lucide-react'
import Link from 'next/link'
import { useTranslations } from 'next-intl'
import { environmentName, roleName, stageName, startWords } from '../../_ui/names'
import type { ProjectDetail } from '../shapes'

/** The environments in the order in which a release goes through them, each with its conditions in words. */
export function Places({ places }: { places: ProjectDetail['places'] }) {
  const t = useTranslations()
  const there = places.filter((p) => !p.removed)
  if (there.length === 0) return <p className="card px-4 py-4 text-soft">{t('project.noEnvironments')}</p>
  return (
    <ol
      className="card flex flex-col divide-y divide-line lg:flex-row lg:divide-x lg:divide-y-0"
      aria-label={t('project.environments')}
    >
      {there.map((place, i) => (
        <li key={place.name} className="relative flex-1 px-4 py-3.5">
          <p className="flex flex-wrap items-baseline gap-x-2">
            <span className="text-xs text-faint">{i + 1}</span>
            <Link href={`/environments/${place.name}`} className="link font-semibold">
              {environmentName(t, place.name)}
            </Link>
            {place.held && (
              <span className="inline-flex items-center gap-1 text-xs font-medium text-wait">
                <Hand aria-hidden="true" className="size-3.5" />
                {t('flow.held')}
              </span>
            )}
          </p>
          <ul className="mt-1 space-y-0.5 text-[13px] text-soft">
            <li>{startWords(t, place.start)}</li>
            {place.after !== null && <li>{t('flow.after', { environment: environmentName(t, place.after) })}</li>}
            {place.approvals.map((a) => (
              <li key={a.role}>{t('flow.signs', { count: a.count, role: roleName(t, a.role) })}</li>
            ))}
            {place.verify.length > 0 && (
              <li>{t('flow.verifies', { stages: place.verify.map((s) => stageName(t, s)).join(t('flow.comma')) })}</li>
            )}
          </ul>
          {i < there.length - 1 && (
            <ArrowRight
              aria-hidden="true"
              className="absolute top-4 -right-2 z-10 hidden size-4 rounded-full bg-surface text-faint lg:block"
            />
          )}
        </li>
      ))}
    </ol>
  )
}

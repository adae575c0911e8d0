import { Ship } from 'lucide-react'
import { getTranslations } from 'next-intl/server'
import type { Viewer } from '../../_server/permit'
import { AskFirst } from '../../_ui/act'
import { Gates } from '../../_ui/gates'
import { environmentInText, environmentName } from '../../_ui/names'
import { Section } from '../../_ui/page'
import { whyNot } from '../../why-not'
import type { ReleaseDetail } from '../shapes'

/** By hand to an environment, with what the gates would say before anybody has asked. */
export async function Promote({ release, viewer }: { release: ReleaseDetail; viewer: Viewer }) {
  const t = await getTranslations()
  return (
    <Section
      title={t('release.promote')}
      aside={<span className="text-xs text-faint">{t('release.promoteHelp')}</span>}
    >
      <ul className="card divide-y divide-line">
        {release.can.promote.map((place) => {
          const words = { tag: release.tag, environment: environmentInText(t, place.environment) }
          const closed = place.verdicts.some((v) => v.state !== 'open')
          return (
            <li key={place.environmentId} aria-label={environmentName(t, place.environment)}>
              <div className="px-4 py-3">
                <AskFirst
                  path="/api/v1/promotions"
                  back={`/releases/${release.id}`}
                  next="/promotions/:id"
                  fields={{ release: release.id, environment: place.environmentId }}
                  text={t('release.promoteTo', words)}
                  icon={<Ship aria-hidden="true" className="size-4 shrink-0" />}
                  denied={whyNot(t, viewer, 'promotions.request', place, {
                    projectId: release.project.id,
                    environment: place.environment,
                  })}
                  question={{
                    title: t('release.promoteTitle', words),
                    text: t('release.promoteText'),
                    reason: { field: 'reason', required: false, label: t('release.reasonOptional') },
                  }}
                />
              </div>
              {place.may && closed && (
                <div className="border-t border-line">
                  <p className="px-4 pt-2 text-xs text-faint">
                    {t(place.verdicts.some((v) => v.state === 'shut') ? 'release.wouldShut' : 'release.wouldWait')}
                  </p>
                  <Gates verdicts={place.verdicts} brief />
                </div>
              )}
              {place.may && !closed && place.verdicts.length > 0 && (
                <p className="border-t border-line px-4 py-2 text-[13px] text-ok">{t('release.wouldOpen')}</p>
              )}
            </li>
          )
        })}
      </ul>
    </Section>
  )
}

import { OctagonX, Play } from 'lucide-react'
import { getTranslations } from 'next-intl/server'
import type { Viewer } from '../_server/permit'
import { AskFirst } from '../_ui/act'
import { environmentInText } from '../_ui/names'
import type { EnvironmentShape } from '../shapes'
import { whyNot } from '../why-not'

interface Props {
  place: EnvironmentShape
  viewer: Viewer
  back: `/${string}`
}

/** The emergency stop of one environment: one switch, at once. Nothing where it is stopped already. */
export async function StopSwitch({ place, viewer, back }: Props) {
  if (place.stopped?.everything === false) return null
  const t = await getTranslations()
  const words = { environment: environmentInText(t, place.name) }
  return (
    <AskFirst
      path={`/api/v1/environments/${place.id}/stop`}
      back={back}
      text={t('stop.stop')}
      kind="danger"
      icon={<OctagonX aria-hidden="true" className="size-4 shrink-0" />}
      denied={whyNot(t, viewer, 'environments.stop', undefined, whereOf(place))}
      question={{
        title: t('stop.title', words),
        text: t('stop.text'),
        confirm: t('stop.confirm', words),
        reason: { field: 'because', required: true },
      }}
    />
  )
}

const whereOf = ({ project, name }: EnvironmentShape) => ({ projectId: project.id, environment: name })

/** The way on, in the banner that says it is stopped. Where everything is, the way on is on the board. */
export async function GoSwitch({ place, viewer, back }: Props) {
  if (place.stopped?.everything) return null
  const t = await getTranslations()
  const words = { environment: environmentInText(t, place.name) }
  return (
    <AskFirst
      path={`/api/v1/environments/${place.id}/go`}
      back={back}
      text={t('stop.go')}
      size="small"
      icon={<Play aria-hidden="true" className="size-4 shrink-0" />}
      denied={whyNot(t, viewer, 'environments.go', undefined, whereOf(place))}
      question={{
        title: t('stop.goTitle', words),
        text: t('stop.goText'),
        confirm: t('stop.goConfirm', words),
        reason: { field: 'because', required: true },
      }}
    />
  )
}

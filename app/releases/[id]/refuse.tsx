import { Ban, RotateCcw } from 'lucide-react'
import { getTranslations } from 'next-intl/server'
import type { Viewer } from '../../_server/permit'
import { ActForm, AskFirst } from '../../_ui/act'
import { whyNot } from '../../why-not'
import type { ReleaseDetail } from '../shapes'

interface Props {
  release: ReleaseDetail
  viewer: Viewer
}

export async function Refuse({ release, viewer }: Props) {
  const t = await getTranslations('release')
  const { tag } = release
  return (
    <AskFirst
      path={`/api/v1/releases/${release.id}/refuse`}
      back={`/releases/${release.id}`}
      text={t('refuse', { tag })}
      kind="danger"
      icon={<Ban aria-hidden="true" className="size-4 shrink-0" />}
      denied={whyNot(await getTranslations(), viewer, 'releases.refuse', release.can.refuse, {
        projectId: release.project.id,
      })}
      question={{
        title: t('refuseTitle', { tag }),
        text: t('refuseText'),
        confirm: t('refuseConfirm', { tag }),
        reason: { field: 'because', required: true },
      }}
    />
  )
}

export async function Lift({ release, viewer }: Props) {
  const t = await getTranslations()
  return (
    <ActForm
      path={`/api/v1/releases/${release.id}/lift`}
      back={`/releases/${release.id}`}
      text={t('release.lift', { tag: release.tag })}
      icon={<RotateCcw aria-hidden="true" className="size-4 shrink-0" />}
      denied={whyNot(t, viewer, 'releases.refuse', release.can.lift, { projectId: release.project.id })}
    />
  )
}

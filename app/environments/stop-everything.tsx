import { OctagonX, Play } from 'lucide-react'
import { getTranslations } from 'next-intl/server'
import { may, type Viewer } from '../_server/permit'
import { AskFirst } from '../_ui/act'
import { Note } from '../_ui/page'
import { Time } from '../_ui/time'
import { Typed } from '../_ui/typed'
import { whyNot } from '../why-not'
import type { InstallationShape } from './stop-shapes'

/** The one switch that stops everything; who may not use it does not see it, and while it is used nobody does. */
export async function StopEverything({ installation, viewer }: { installation: InstallationShape; viewer: Viewer }) {
  if (installation.stopped !== null || !may(viewer, 'installation.stop')) return null
  const t = await getTranslations('stop')
  return (
    <AskFirst
      path="/api/v1/installation/stop"
      back="/"
      text={t('all')}
      kind="danger"
      size="small"
      icon={<OctagonX aria-hidden="true" className="size-4 shrink-0" />}
      denied={null}
      question={{
        title: t('allTitle'),
        text: t('allText'),
        confirm: t('allConfirm'),
        reason: { field: 'because', required: true },
      }}
    >
      <Typed label={t('typed', { word: t('word') })} word={t('word')} />
    </AskFirst>
  )
}

/** Everything is stopped: since when, by whom, why, and the way on. */
export async function EverythingStopped({ installation, viewer }: { installation: InstallationShape; viewer: Viewer }) {
  const { stopped } = installation
  if (stopped === null) return null
  const t = await getTranslations()
  return (
    <Note
      tone="fail"
      icon={<OctagonX aria-hidden="true" />}
      title={t('stop.allStopped', { name: stopped.by, because: stopped.because })}
      className="mb-6"
    >
      <p>
        {t('stop.allHelp')} <Time at={stopped.since} />
      </p>
      <div className="mt-3">
        <AskFirst
          path="/api/v1/installation/go"
          back="/"
          text={t('stop.allGo')}
          size="small"
          icon={<Play aria-hidden="true" className="size-4 shrink-0" />}
          denied={whyNot(t, viewer, 'installation.go')}
          question={{
            title: t('stop.allGoTitle'),
            text: t('stop.allGoText'),
            confirm: t('stop.allGo'),
            reason: { field: 'because', required: true },
          }}
        />
      </div>
    </Note>
  )
}

import { Hand, Undo2 } from 'lucide-react'
import type { Metadata } from 'next'
import Link from 'next/link'
import { getTranslations } from 'next-intl/server'
import { theRecord } from '../../../_server/record'
import { ofEnvironment } from '../../../_server/rest/where'
import { ActForm, Reason } from '../../../_ui/act'
import { Denied } from '../../../_ui/denied'
import { environmentInText } from '../../../_ui/names'
import { Empty, Note, PageHead } from '../../../_ui/page'
import { Commit, Digest } from '../../../_ui/refs'
import { Refusal } from '../../../_ui/refusal'
import { Time } from '../../../_ui/time'
import { one, viewer } from '../../../viewer'
import { type Earlier, readEarlier } from '../../earlier'
import { thePlace } from '../../the-place'

interface Props {
  params: Promise<{ id: string }>
  searchParams: Promise<Record<string, string | string[] | undefined>>
}

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  const { id } = await params
  if (!(await viewer('promotions.rollback', `/environments/${id}/rollback`, [ofEnvironment, id])).ok) return {}
  const [t, place] = await Promise.all([getTranslations(), thePlace(id)])
  return {
    title: `${t('place.rollbackTitle', { environment: environmentInText(t, place.name) })} · ${place.project.path}`,
  }
}

/** Going back, and saying so: to which release, and why. A plain form, so that it works when little else does. */
export default async function Rollback({ params, searchParams }: Props) {
  const { id } = await params
  const asking = await viewer('promotions.rollback', `/environments/${id}/rollback`, [ofEnvironment, id])
  if (!asking.ok) return <Denied role={asking.viewer.role} why={asking.why} />
  const [t, place, query] = await Promise.all([getTranslations(), thePlace(id), searchParams])
  const running = place.running?.release ?? null
  const earlier = await readEarlier(theRecord(), place.id, running?.id ?? null)
  const words = { environment: environmentInText(t, place.name) }
  const chosen = earlier.find((e) => e.refusedBy === null)
  return (
    <>
      <PageHead
        back={{
          href: `/environments/${place.id}`,
          text: t('place.see', words),
        }}
        title={t('place.rollbackTitle', words)}
        subtitle={
          <p className="flex flex-wrap gap-x-4 wrap-anywhere">
            <span>{place.project.path}</span>
            {running && (
              <span>
                {t('promotion.now')}:{' '}
                <Link href={`/releases/${running.id}`} className="link font-medium">
                  {running.tag}
                </Link>
              </span>
            )}
          </p>
        }
      />
      <div className="max-w-3xl space-y-5">
        <Refusal problem={one(query.problem)} />
        {chosen === undefined ? (
          <Empty
            icon={<Undo2 aria-hidden="true" />}
            title={t('place.rollbackTitle', words)}
            text={t('place.rollbackNone')}
          />
        ) : (
          <ActForm
            path={`/api/v1/environments/${place.id}/rollback`}
            back={`/environments/${place.id}/rollback`}
            next="/promotions/:id"
            text={t('place.rollbackSubmit', words)}
            kind="primary"
            icon={<Undo2 aria-hidden="true" className="size-4 shrink-0" />}
            denied={null}
            className="space-y-5"
          >
            <fieldset>
              <legend className="text-sm font-semibold">{t('place.rollbackChoose')}</legend>
              <p className="mb-2.5 text-[13px] text-soft">{t('place.rollbackHelp')}</p>
              <div className="card divide-y divide-line">
                {earlier.map((release) => (
                  <Choose key={release.release} release={release} chosen={release === chosen} />
                ))}
              </div>
            </fieldset>
            <Reason id="rollback-reason" name="reason" label={t('act.reason')} required />
            <Note icon={<Hand aria-hidden="true" />}>{t('place.rollbackHold', words)}</Note>
          </ActForm>
        )}
      </div>
    </>
  )
}

async function Choose({ release, chosen }: { release: Earlier; chosen: boolean }) {
  const t = await getTranslations('place')
  const id = `release-${release.release}`
  return (
    <div className="flex items-center gap-3 px-4 py-2.5 has-checked:bg-accent-ground">
      <input
        type="radio"
        name="release"
        id={id}
        value={release.release}
        defaultChecked={chosen}
        disabled={release.refusedBy !== null}
        required
        className="size-4 shrink-0 accent-accent"
      />
      <label htmlFor={id} className="min-w-0 flex-1 wrap-anywhere">
        <span className="font-medium">{release.tag}</span>{' '}
        <span className="text-[13px] text-soft">
          {t('verifiedOn')} <Time at={release.verifiedAt} />
        </span>
        {release.refusedBy !== null && (
          <span className="block text-[13px] text-refuse">{t('rollbackRefused', { name: release.refusedBy })}</span>
        )}
      </label>
      <span className="hidden gap-3 sm:flex">
        <Commit commit={release.commit} />
        <Digest digest={release.digest} />
      </span>
    </div>
  )
}

import { Ban } from 'lucide-react'
import type { Metadata } from 'next'
import { notFound } from 'next/navigation'
import { getTranslations } from 'next-intl/server'
import { cache } from 'react'
import { isFault } from '../../../pipelines/fault'
import { theRecord } from '../../_server/record'
import { ofRelease } from '../../_server/rest/where'
import { Denied } from '../../_ui/denied'
import { Live } from '../../_ui/live'
import { Note, PageHead, Section } from '../../_ui/page'
import { Refusal } from '../../_ui/refusal'
import { ReleaseTrace } from '../../_ui/release-trace'
import { Time } from '../../_ui/time'
import { FollowInTrail, Trail } from '../../_ui/trail'
import { BrokenBarriers } from '../../approvals/broken-barriers'
import { readExceptions } from '../../approvals/exceptions'
import { one, viewer, whoLooks } from '../../viewer'
import { readRelease } from '../read'
import type { ReleaseDetail } from '../shapes'
import { DossierLinks } from './dossier'
import { ReleaseFacts } from './facts'
import { Came, Runs, Tags, WayBack } from './history'
import { Promote } from './promote'
import { Lift, Refuse } from './refuse'

interface Props {
  params: Promise<{ id: string }>
  searchParams: Promise<Record<string, string | string[] | undefined>>
}

const theRelease = cache(async (id: string): Promise<ReleaseDetail> => {
  const who = await whoLooks()
  if (who === null) notFound()
  try {
    return await readRelease(theRecord(), /^\d{1,10}$/.test(id) ? Number(id) : 0, who)
  } catch (error) {
    if (isFault(error) && error.code === 'not.found') notFound()
    throw error
  }
})

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  const { id } = await params
  if (!(await viewer('releases.read', `/releases/${id}`, [ofRelease, id])).ok) return {}
  const release = await theRelease(id)
  return { title: `${release.service} ${release.tag}` }
}

export default async function Release({ params, searchParams }: Props) {
  const { id } = await params
  const asking = await viewer('releases.read', `/releases/${id}`, [ofRelease, id])
  if (!asking.ok) return <Denied role={asking.viewer.role} why={asking.why} />
  const [t, release, query] = await Promise.all([getTranslations(), theRelease(id), searchParams])
  const { refused } = release
  const exceptions = await readExceptions(theRecord(), { releaseId: release.id }, asking.viewer)
  return (
    <>
      <PageHead
        back={{ href: '/releases', text: t('release.back') }}
        title={
          <>
            {release.service} {release.tag}
          </>
        }
        subtitle={<p className="wrap-anywhere">{release.title || t('runs.noTitle')}</p>}
        aside={
          <>
            <Live />
            {refused === null && <Refuse release={release} viewer={asking.viewer} />}
          </>
        }
      />
      <div className="space-y-7">
        <Refusal problem={one(query.problem)} />
        {refused && (
          <Note tone="refuse" icon={<Ban aria-hidden="true" />} title={t('release.refusedTitle', { name: refused.by })}>
            <p>
              {refused.because}{' '}
              <span className="text-soft">
                <Time at={refused.since} />
              </span>
            </p>
            <div className="mt-2.5">
              <Lift release={release} viewer={asking.viewer} />
            </div>
          </Note>
        )}
        <BrokenBarriers exceptions={exceptions} viewer={asking.viewer} back={`/releases/${release.id}`} link />
        <ReleaseTrace release={release} />
        <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-x-5 gap-y-7 lg:grid-cols-[minmax(0,1.25fr)_minmax(0,1fr)]">
          <div className="space-y-7">
            <Promote release={release} viewer={asking.viewer} />
            <Section title={t('release.promotions')}>
              <Came promotions={release.promotions} />
            </Section>
          </div>
          <div className="space-y-7">
            <Section title={t('release.facts')}>
              <ReleaseFacts release={release} />
              <DossierLinks id={release.id} />
            </Section>
            <Section title={t('release.runs')}>
              <Runs runs={release.runs} />
            </Section>
            <Section title={t('release.tags')}>
              <Tags tags={release.tags} />
            </Section>
            <Section title={t('release.backMerges')}>
              <WayBack backMerges={release.backMerges} />
            </Section>
          </div>
        </div>
        <Section title={t('release.trail')} aside={<FollowInTrail release={release} />}>
          <Trail trail={release.trail} />
        </Section>
      </div>
    </>
  )
}

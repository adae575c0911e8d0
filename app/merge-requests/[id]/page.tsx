import { Ban, GitFork, TriangleAlert } from 'lucide-react'
import type { Metadata } from 'next'
import { notFound } from 'next/navigation'
import { getTranslations } from 'next-intl/server'
import { cache } from 'react'
import { isFault } from '../../../pipelines/fault'
import { may } from '../../_server/permit'
import { theRecord } from '../../_server/record'
import { ofMergeRequest } from '../../_server/rest/where'
import { Denied } from '../../_ui/denied'
import { Live } from '../../_ui/live'
import { environmentName } from '../../_ui/names'
import { Note, PageHead, Section } from '../../_ui/page'
import { WhyWaiting } from '../../_ui/waiting'
import { AllowFork } from '../../runs/allow-fork'
import { type Asking, viewer } from '../../viewer'
import { rolesHeld } from '../../why-not'
import { readMergeRequest } from '../read'
import type { MergeRequestDetail } from '../shapes'
import { Decide } from './actions'
import { Facts } from './facts'
import { Follows } from './follows'
import { HeadRun } from './head-run'
import { Approvals, Asked } from './said'

interface Props {
  params: Promise<{ id: string }>
}

const theMergeRequest = cache(async (id: string, who: Asking['viewer']): Promise<MergeRequestDetail> => {
  try {
    return await readMergeRequest(theRecord(), /^\d{1,10}$/.test(id) ? Number(id) : 0, who)
  } catch (error) {
    if (isFault(error) && error.code === 'not.found') notFound()
    throw error
  }
})

const ask = (id: string) => viewer('merge-requests.read', `/merge-requests/${id}`, [ofMergeRequest, id])

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  const { id } = await params
  const asking = await ask(id)
  if (!asking.ok) return {}
  const m = await theMergeRequest(id, asking.viewer)
  const t = await getTranslations()
  return {
    title: `${t('mergeRequest.heading', { source: m.source, target: m.target })} · ${m.project.path} ${t('mergeRequests.number', { iid: m.iid })}`,
  }
}

export default async function MergeRequest({ params }: Props) {
  const { id } = await params
  const asking = await ask(id)
  if (!asking.ok) return <Denied role={asking.viewer.role} why={asking.why} />
  const [t, m] = await Promise.all([getTranslations(), theMergeRequest(id, asking.viewer)])
  return (
    <>
      <PageHead
        back={{ href: '/merge-requests', text: t('mergeRequest.back') }}
        title={
          <>
            {t('mergeRequest.heading', { source: m.source, target: m.target })}{' '}
            <span className="font-normal text-faint">{t('mergeRequests.number', { iid: m.iid })}</span>
          </>
        }
        subtitle={<Facts mergeRequest={m} />}
        aside={<Live />}
      />
      <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-x-5 gap-y-7 lg:grid-cols-[minmax(0,1fr)_minmax(0,22rem)]">
        <div className="space-y-7">
          <Notes mergeRequest={m} asking={asking} />
          <Section title={t('mergeRequest.run')}>
            <HeadRun mergeRequest={m} />
          </Section>
          {m.status === 'opened' && m.pair.ok && (
            <Section title={t('mergeRequest.follows')}>
              <Follows mergeRequest={m} />
            </Section>
          )}
        </div>
        <div className="space-y-7">
          {m.status === 'opened' && (
            <Section title={t('mergeRequest.decide')}>
              <Decide
                mergeRequest={m}
                approve={inWords(t, asking, m.can.approve, 'merge-requests.approve')}
                merge={inWords(t, asking, m.can.merge, 'merge-requests.merge')}
                follows={followsInWords(t, m)}
              />
            </Section>
          )}
          <Section title={t('mergeRequest.approvals')}>
            <Approvals mergeRequest={m} />
          </Section>
          {m.actions.length > 0 && (
            <Section title={t('mergeRequest.asked')}>
              <Asked actions={m.actions} />
            </Section>
          )}
        </div>
      </div>
    </>
  )
}

type T = Awaited<ReturnType<typeof getTranslations<never>>>

/** A role that may not is told so in the reader's own language; every other reason stands as it was judged. */
function inWords(
  t: T,
  { viewer: who, where }: Asking,
  can: { may: boolean; because: string },
  action: 'merge-requests.approve' | 'merge-requests.merge',
) {
  if (can.may || may(who, action, where)) return can
  return { may: false, because: t('mergeRequest.notPermitted', { role: rolesHeld(t, who, where) }) }
}

const followsInWords = (t: T, m: MergeRequestDetail) =>
  m.next === null
    ? t('mergeRequest.nothingFollows', { target: m.target })
    : t('mergeRequest.goesTo', { target: m.target, environment: environmentName(t, m.next.environment) })

/** What a reader must know before the details. */
async function Notes({ mergeRequest: m, asking }: { mergeRequest: MergeRequestDetail; asking: Asking }) {
  const t = await getTranslations()
  const allow = m.can.allow
  return (
    <div className="space-y-3 empty:hidden">
      {m.fork && (
        <Note icon={<GitFork aria-hidden="true" />} title={t('fork.banner')}>
          <p className="text-[13px]">{t('fork.bannerHelp', { path: m.sourcePath || t('fork.gone') })}</p>
          {allow !== null && m.run !== null && (
            <AllowFork
              run={m.run.id}
              head={m.head}
              back={`/merge-requests/${m.id}`}
              denied={allow.may ? null : t('fork.denied', { role: rolesHeld(t, asking.viewer, asking.where) })}
            />
          )}
        </Note>
      )}
      {!m.pair.ok && (
        <Note tone="refuse" icon={<Ban aria-hidden="true" />} title={m.pair.because}>
          <span className="text-[13px]">{t('mergeRequest.wrongPairHelp')}</span>
        </Note>
      )}
      {m.forgeBecause && (
        <Note tone="err" icon={<TriangleAlert aria-hidden="true" />} title={t('mergeRequest.forgeSays')}>
          {m.forgeBecause}
        </Note>
      )}
      {m.waiting && m.pair.ok && <WhyWaiting waiting={m.waiting} />}
    </div>
  )
}

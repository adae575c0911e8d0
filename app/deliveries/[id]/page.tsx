import { Info } from 'lucide-react'
import type { Metadata } from 'next'
import Link from 'next/link'
import { notFound } from 'next/navigation'
import { getTranslations } from 'next-intl/server'
import { cache } from 'react'
import { isFault } from '../../../pipelines/fault'
import { may } from '../../_server/permit'
import { theRecord } from '../../_server/record'
import { ofDelivery } from '../../_server/rest/where'
import { Denied } from '../../_ui/denied'
import { size } from '../../_ui/duration'
import { Frame } from '../../_ui/frame'
import { Note, PageHead, Section } from '../../_ui/page'
import { StatusBadge } from '../../_ui/status'
import { Moment, Time } from '../../_ui/time'
import { viewer } from '../../viewer'
import { rolesHeld } from '../../why-not'
import { readDelivery } from '../read'
import type { DeliveryWhole } from '../shapes'
import { Replay } from './replay'

interface Props {
  params: Promise<{ id: string }>
}

const theDelivery = cache(async (id: string): Promise<DeliveryWhole> => {
  try {
    return await readDelivery(theRecord(), /^\d{1,10}$/.test(id) ? Number(id) : 0)
  } catch (error) {
    if (isFault(error) && error.code === 'not.found') notFound()
    throw error
  }
})

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  const { id } = await params
  if (!(await viewer('deliveries.read', `/deliveries/${id}`, [ofDelivery, id])).ok) return {}
  const delivery = await theDelivery(id)
  return { title: `${delivery.event} #${delivery.id} · ${delivery.project.path}` }
}

export default async function Delivery({ params }: Props) {
  const { id } = await params
  const asking = await viewer('deliveries.read', `/deliveries/${id}`, [ofDelivery, id])
  if (!asking.ok) return <Denied role={asking.viewer.role} why={asking.why} />
  const [t, delivery] = await Promise.all([getTranslations(), theDelivery(id)])
  const denied = !may(asking.viewer, 'deliveries.replay', asking.where)
    ? t('inbox.replayDenied', { role: rolesHeld(t, asking.viewer, asking.where) })
    : delivery.kept
      ? null
      : t('inbox.notKept')
  return (
    <>
      <PageHead
        back={{ href: '/deliveries', text: t('inbox.back') }}
        title={
          <>
            {delivery.event} <span className="font-normal text-faint">#{delivery.id}</span>
          </>
        }
        subtitle={<Facts delivery={delivery} />}
        aside={<Replay delivery={delivery.id} denied={denied} />}
      />
      <div className="space-y-7">
        <Note
          tone={delivery.decision === 'refused' ? 'refuse' : 'info'}
          icon={<Info aria-hidden="true" />}
          title={delivery.because}
        >
          <Came delivery={delivery} />
        </Note>
        {delivery.replays.length > 0 && (
          <Section title={t('inbox.replays')}>
            <Replays replays={delivery.replays} />
          </Section>
        )}
        <Section
          title={t('inbox.body')}
          aside={delivery.cut && <span className="text-xs text-faint">{t('inbox.cut')}</span>}
        >
          {delivery.body === '' ? (
            <p className="card px-4 py-3 text-soft">{t(delivery.kept ? 'inbox.noBody' : 'inbox.notKept')}</p>
          ) : (
            <Frame
              label={t('inbox.body')}
              text={asText(delivery.body, delivery.cut)}
              className="max-h-[40rem] rounded-[10px]"
            />
          )}
        </Section>
      </div>
    </>
  )
}

/** JSON is laid out; what is cut, or is no JSON, is shown as it came. */
function asText(body: string, cut: boolean): string {
  if (cut) return body
  try {
    return JSON.stringify(JSON.parse(body), null, 2)
  } catch (error) {
    if (error instanceof SyntaxError) return body
    throw error
  }
}

async function Facts({ delivery }: { delivery: DeliveryWhole }) {
  const t = await getTranslations('inbox')
  return (
    <div className="mt-2 flex flex-wrap items-center gap-x-4 gap-y-2 text-[13px]">
      <StatusBadge status={delivery.decision} />
      <Link href={`/projects/${delivery.project.id}`} className="link font-medium wrap-anywhere">
        {delivery.project.path}
      </Link>
      <span className="text-soft">
        {t('received')} <Moment at={delivery.receivedAt} />
      </span>
      <span className="text-soft">{size(delivery.bytes)}</span>
    </div>
  )
}

/** What came of it, and where it came from. */
async function Came({ delivery: { run, mergeRequest, replayOf } }: { delivery: DeliveryWhole }) {
  const t = await getTranslations()
  const links = [
    run !== null && { href: `/runs/${run}`, text: t('board.run', { id: run }) },
    mergeRequest !== null && {
      href: `/merge-requests/${mergeRequest.id}`,
      text: t('mergeRequests.number', { iid: mergeRequest.iid }),
    },
    replayOf !== null && { href: `/deliveries/${replayOf}`, text: t('inbox.replayOf', { id: replayOf }) },
  ].filter((link) => link !== false)
  if (links.length === 0) return <span className="text-[13px] text-soft">{t('inbox.nothingCame')}</span>
  return (
    <p className="mt-1 flex flex-wrap gap-x-4 gap-y-1 text-[13px]">
      {links.map(({ href, text }) => (
        <Link key={href} href={href} className="rounded font-medium text-accent hover:underline">
          {text}
        </Link>
      ))}
    </p>
  )
}

async function Replays({ replays }: { replays: DeliveryWhole['replays'] }) {
  const t = await getTranslations()
  return (
    <ol className="card divide-y divide-line" aria-label={t('inbox.replays')}>
      {replays.map((replay) => (
        <li key={replay.delivery ?? replay.at} className="px-4 py-2.5 text-[13px]">
          <p className="wrap-anywhere">{replay.because}</p>
          <p className="mt-0.5 flex flex-wrap gap-x-4 text-soft">
            <span>{t('word.by', { name: replay.by })}</span>
            <Time at={replay.at} />
            {replay.delivery !== null && (
              <Link href={`/deliveries/${replay.delivery}`} className="rounded text-accent hover:underline">
                {t('inbox.number', { id: replay.delivery })}
              </Link>
            )}
            {replay.run !== null && (
              <Link href={`/runs/${replay.run}`} className="rounded text-accent hover:underline">
                {t('board.run', { id: replay.run })}
              </Link>
            )}
          </p>
        </li>
      ))}
    </ol>
  )
}

import { Download, Hourglass, ShieldAlert, ShieldCheck } from 'lucide-react'
import type { Metadata } from 'next'
import Link from 'next/link'
import { notFound } from 'next/navigation'
import { getTranslations } from 'next-intl/server'
import { isFault } from '../../../pipelines/fault'
import { theRecord } from '../../_server/record'
import { button } from '../../_ui/button'
import { Denied } from '../../_ui/denied'
import { Note, PageHead, Section } from '../../_ui/page'
import { Time } from '../../_ui/time'
import { viewer } from '../../viewer'
import { type TrailScope, trailScope } from '../find'
import { readEntry } from '../read'
import type { TrailEntryWhole } from '../shapes'
import { Exact } from './exact'
import { Facts } from './facts'

interface Props {
  params: Promise<{ seq: string }>
}

async function theEntry(seq: string, scope: TrailScope): Promise<TrailEntryWhole> {
  try {
    return await readEntry(theRecord(), scope, /^\d{1,15}$/.test(seq) ? Number(seq) : -1)
  } catch (error) {
    if (isFault(error) && error.code === 'not.found') notFound()
    throw error
  }
}

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  const { seq } = await params
  return { title: (await getTranslations('trail'))('entry', { seq }) }
}

export default async function Entry({ params }: Props) {
  const { seq } = await params
  const asking = await viewer('trail.read', `/trail/${seq}`)
  if (!asking.ok) return <Denied role={asking.viewer.role} why={asking.why} />
  const [t, entry] = await Promise.all([getTranslations('trail'), theEntry(seq, trailScope(asking.viewer))])
  const at = entry.seq ?? 0
  const { checkpoint } = entry
  return (
    <>
      <PageHead
        back={{ href: '/trail', text: t('back') }}
        title={
          <>
            <code>{entry.kind}</code> <span className="font-normal text-faint">#{at}</span>
          </>
        }
        subtitle={
          <>
            {entry.name || entry.actor} <Time at={entry.at} />
          </>
        }
        aside={
          <>
            {at > 0 && (
              <Link href={`/trail/${at - 1}`} className={button({ size: 'small' })} rel="prev">
                {t('previous')}
              </Link>
            )}
            <Link href={`/trail/${at + 1}`} className={button({ size: 'small' })} rel="next">
              {t('next')}
            </Link>
          </>
        }
      />
      <div className="space-y-7">
        {entry.differs !== null && (
          <Note
            tone="fail"
            live
            icon={<ShieldAlert aria-hidden="true" />}
            title={t('rowDiffers', { what: entry.differs })}
          />
        )}
        {checkpoint ? (
          <Note tone="ok" icon={<ShieldCheck aria-hidden="true" />} title={t('coveredBy')}>
            {t('coveredHelp', { size: checkpoint.size })} <Time at={checkpoint.at} />
          </Note>
        ) : (
          <Note tone="wait" icon={<Hourglass aria-hidden="true" />} title={t('notSigned')}>
            {t('waits')}
          </Note>
        )}
        <Section title={t('says')}>
          <Facts entry={entry} />
        </Section>
        <Section title={t('bytes')} aside={<Files seq={at} proof={checkpoint !== null} />}>
          <p className="mb-2 text-[13px] text-soft">{t('bytesHelp')}</p>
          <Exact text={entry.body} />
        </Section>
        <Section title={t('check')}>
          <p className="mb-2 text-[13px] text-soft">{t('checkHelp')}</p>
          <Exact text={`(printf '\\000'; cat entry-${at}.json) | sha256sum\n${entry.leaf}  -`} />
        </Section>
        {checkpoint && (
          <Section
            title={t('checkpoint')}
            aside={<span className="text-xs text-faint">{t('checkpointOf', { size: checkpoint.size })}</span>}
          >
            <Exact text={checkpoint.note} />
          </Section>
        )}
      </div>
    </>
  )
}

async function Files({ seq, proof }: { seq: number; proof: boolean }) {
  const t = await getTranslations('trail')
  const look = button({ kind: 'quiet', size: 'small' })
  return (
    <span className="flex flex-wrap justify-end gap-1">
      <a href={`/api/v1/trail/${seq}/body`} download className={look}>
        <Download aria-hidden="true" className="size-4" />
        {t('download')}
      </a>
      {proof && (
        <a href={`/api/v1/trail/${seq}/proof`} download className={look}>
          <Download aria-hidden="true" className="size-4" />
          {t('proof')}
        </a>
      )}
    </span>
  )
}

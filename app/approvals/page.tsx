import { BellRing, ClockAlert, Inbox, KeyRound } from 'lucide-react'
import type { Metadata } from 'next'
import Link from 'next/link'
import { getTranslations } from 'next-intl/server'
import { isFault } from '../../pipelines/fault'
import type { Viewer } from '../_server/permit'
import { theRecord } from '../_server/record'
import { button } from '../_ui/button'
import { cn } from '../_ui/classes'
import { Denied } from '../_ui/denied'
import { Live } from '../_ui/live'
import { environmentInText, roleName } from '../_ui/names'
import { Empty, PageHead } from '../_ui/page'
import { Pager } from '../_ui/pager'
import { promotionTitle } from '../_ui/promotion-title'
import { Refusal } from '../_ui/refusal'
import { StatusBadge } from '../_ui/status'
import { Tabs } from '../_ui/tabs'
import { Moment, Time } from '../_ui/time'
import { one, viewer } from '../viewer'
import { countNeedsMe, listApprovals, TABS, type Tab } from './read'
import type { ApprovalItem } from './shapes'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('approvals'))('title') }
}

type Query = Promise<Record<string, string | string[] | undefined>>

/** The inbox: what needs me, what I have answered, and all of it. Each line opens the very thing. */
export default async function Approvals({ searchParams }: { searchParams: Query }) {
  const asking = await viewer('approvals.read', '/approvals')
  if (!asking.ok) return <Denied role={asking.viewer.role} why={asking.why} />
  const query = await searchParams
  const tab = TABS.find((name) => name === one(query.tab)) ?? 'needs-me'
  const after = one(query.after)
  const [t, page, count] = await Promise.all([
    getTranslations(),
    read(asking.viewer, tab, after),
    countNeedsMe(theRecord(), asking.viewer),
  ])
  return (
    <>
      <PageHead title={t('approvals.title')} subtitle={t('approvals.subtitle')} aside={<Live />} />
      <div className="mb-4 empty:hidden">
        <Refusal problem={one(query.problem)} />
      </div>
      <Tabs
        label={t('approvals.tabs')}
        path="/approvals"
        name="tab"
        query={{}}
        chosen={tab === 'needs-me' ? undefined : tab}
        tabs={TABS.map((name) => ({
          value: name === 'needs-me' ? undefined : name,
          text:
            name === 'needs-me' && count.needsMe > 0
              ? `${t('approvals.tab.needs-me')} (${count.needsMe}${count.more ? '+' : ''})`
              : t(`approvals.tab.${name}`),
        }))}
      />
      {page.items.length === 0 ? (
        <Empty
          icon={<Inbox aria-hidden="true" />}
          title={t(`approvals.empty.${tab}`)}
          text={t(`approvals.emptyHelp.${tab}`)}
        />
      ) : (
        <ol className="card divide-y divide-line" aria-label={t('approvals.list')}>
          {page.items.map((item) => (
            <Item key={`${item.subject} ${item.id} ${item.needs}`} item={item} />
          ))}
        </ol>
      )}
      <Pager
        path="/approvals"
        query={{ tab: tab === 'needs-me' ? undefined : tab }}
        next={page.next}
        deep={after !== undefined}
      />
    </>
  )
}

/** An address that somebody typed may hold a cursor that is none: then the newest are shown. */
async function read(who: Viewer, tab: Tab, after: string | undefined) {
  try {
    return await listApprovals(theRecord(), who, { tab, after })
  } catch (error) {
    if (isFault(error) && error.code === 'input.invalid') return listApprovals(theRecord(), who, { tab })
    throw error
  }
}

const addressOf = (item: ApprovalItem) =>
  item.subject === 'promotion'
    ? `/promotions/${item.id}${item.needs === 'answer' ? '#answer' : ''}`
    : `/environments/${item.environmentId}/policy#change-${item.id}`

async function titleOf(item: ApprovalItem): Promise<string> {
  const t = await getTranslations()
  const place = environmentInText(t, item.environment)
  if (item.subject === 'policyChange') return t('approvals.change', { place, project: item.project.path })
  if (item.needs === 'review') return t('approvals.review', { place, what: item.tag ?? '' })
  return promotionTitle(t, { ...item, release: { tag: item.tag ?? '' } })
}

/** What is asked, who must and how many, since when; when they were reminded, and what has lapsed. */
async function Item({ item }: { item: ApprovalItem }) {
  const t = await getTranslations()
  const { can, mine, rules } = item
  return (
    <li className="relative grid grid-cols-[minmax(0,1fr)_auto] items-start gap-x-5 gap-y-2 px-4 py-3 first:rounded-t-[10px] last:rounded-b-[10px] hover:bg-raised/60 lg:grid-cols-[7.5rem_minmax(0,1fr)_auto]">
      <div>
        <StatusBadge status={item.status} />
      </div>
      <div className="order-3 col-span-2 min-w-0 lg:order-none lg:col-span-1">
        <Link href={addressOf(item)} className="link cover font-medium wrap-anywhere">
          {await titleOf(item)}
        </Link>
        <p className="mt-0.5 flex min-w-0 flex-wrap items-center gap-x-3 text-[13px] text-soft">
          <span>{item.subject === 'promotion' ? `#${item.id}` : t('approvals.changeName', { id: item.id })}</span>
          <span className="text-ink wrap-anywhere">{item.project.path}</span>
          <span className="max-w-full truncate">{item.title}</span>
          <span>{t(item.needs === 'review' ? 'approvals.brokenBy' : 'approvals.by', { name: item.by })}</span>
        </p>
        {item.needs === 'answer' && <Asked rules={rules} />}
        <p className="mt-1 flex flex-wrap items-center gap-x-4 gap-y-0.5 text-[13px] text-soft">
          <span>
            {t('approvals.since')} <Time at={item.since} />
          </span>
          {item.reminded && (
            <span className="inline-flex items-center gap-1">
              <BellRing aria-hidden="true" className="size-3.5" />
              {t('approvals.reminded')} <Time at={item.reminded} />
            </span>
          )}
          {item.due && (
            <span className="font-medium text-err">
              {t('approvals.due')} <Moment at={item.due} />
            </span>
          )}
          {item.expired > 0 && (
            <span className="inline-flex items-center gap-1 text-err">
              <ClockAlert aria-hidden="true" className="size-3.5" />
              {t('approvals.expiredCount', { count: item.expired })}
            </span>
          )}
          {mine && <Mine mine={mine} />}
        </p>
      </div>
      <div className="relative z-10 order-2 lg:order-none">
        {can.may ? (
          <Link href={addressOf(item)} className={button({ kind: 'primary', size: 'small' })}>
            {t(item.needs === 'review' ? 'approvals.lookAt' : 'approvals.answer')}
          </Link>
        ) : (
          <span className="block max-w-56 text-right text-xs text-soft wrap-anywhere">{can.because}</span>
        )}
      </div>
    </li>
  )
}

async function Asked({ rules }: { rules: ApprovalItem['rules'] }) {
  const t = await getTranslations()
  if (rules.length === 0) return null
  return (
    <p className="mt-1 flex flex-wrap gap-x-3 gap-y-0.5 text-[13px]">
      <span className="text-soft">{t('approvals.asks')}</span>
      {rules.map((rule, at) => {
        const held = rule.by.length >= rule.count
        return (
          // biome-ignore lint/suspicious/noArrayIndexKey: two rules may be alike, and their order is the policy's
          <span key={at} className={cn('inline-flex items-center gap-1 font-medium', held ? 'text-ok' : 'text-wait')}>
            {t('approvals.rule', { given: rule.by.length, count: rule.count, role: roleName(t, rule.role) })}
            {rule.passkey && (
              <>
                <KeyRound aria-hidden="true" className="size-3.5" />
                <span className="sr-only">{t('answer.withPasskey')}</span>
              </>
            )}
          </span>
        )
      })}
    </p>
  )
}

const DECIDED = ['approve', 'reject', 'override', 'break-glass'] as const
const BECAME = ['given', 'used', 'withdrawn', 'expired', 'void'] as const

async function Mine({ mine }: { mine: NonNullable<ApprovalItem['mine']> }) {
  const t = await getTranslations('approvals')
  const decision = DECIDED.find((d) => d === mine.decision)
  const became = BECAME.find((s) => s === mine.status)
  if (decision === undefined) return null
  return (
    <span>
      {t(`mine.${decision}`)} <Time at={mine.at} />
      {became && decision !== 'reject' && <span className="text-faint"> ({t(`mineStatus.${became}`)})</span>}
    </span>
  )
}

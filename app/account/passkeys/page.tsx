import { CircleAlert, KeyRound, UsersRound } from 'lucide-react'
import type { Metadata } from 'next'
import { getTranslations } from 'next-intl/server'
import { isFault } from '../../../pipelines/fault'
import { may, type Viewer } from '../../_server/permit'
import { theRecord, theTrust } from '../../_server/record'
import { cn } from '../../_ui/classes'
import { Denied } from '../../_ui/denied'
import { Empty, Note, PageHead, Section } from '../../_ui/page'
import { Pager } from '../../_ui/pager'
import { one, viewer } from '../../viewer'
import { AccountNav } from '../nav'
import { AddPasskey } from './add'
import { Checking } from './checking'
import { PasskeyRow } from './passkey-row'
import { listPasskeys, listWaiting } from './read'
import { VouchRow } from './vouch'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('passkeys'))('title') }
}

export default async function Passkeys({
  searchParams,
}: {
  searchParams: Promise<Record<string, string | string[] | undefined>>
}) {
  const asking = await viewer('passkeys.own', '/account/passkeys')
  if (!asking.ok) return <Denied role={asking.viewer.role} why={asking.why} />
  const t = await getTranslations('passkeys')
  const { items, vouchers } = await listPasskeys(theRecord(), asking.viewer.accountId, theTrust())
  const after = one((await searchParams).after)
  return (
    <>
      <PageHead title={t('title')} subtitle={t('subtitle')} />
      <AccountNav here="/account/passkeys" />
      {items.some((item) => item.state === 'checking') && <Checking />}
      <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-x-6 gap-y-7 lg:grid-cols-[minmax(0,1fr)_minmax(0,22rem)]">
        <div className="space-y-8">
          <Section title={t('own')}>
            {items.length === 0 ? (
              <Empty icon={<KeyRound aria-hidden="true" />} title={t('none')} text={t('noneText')} />
            ) : (
              <ul className="card divide-y divide-line" aria-label={t('own')}>
                {items.map((item) => (
                  <PasskeyRow key={item.id} passkey={item} vouchers={vouchers} />
                ))}
              </ul>
            )}
          </Section>
          {may(asking.viewer, 'passkeys.vouch') && (
            <Waiting viewer={asking.viewer} after={after} signs={items.some((item) => item.state === 'admitted')} />
          )}
        </div>
        {/* Who has none yet comes for this. */}
        <div className={cn('space-y-5', items.length === 0 && 'max-lg:order-first')}>
          <AddPasskey />
          <Note icon={<CircleAlert aria-hidden="true" />} title={t('limitTitle')}>
            <p className="mt-1 text-[13px] text-soft">{t('limit')}</p>
          </Note>
        </div>
      </div>
    </>
  )
}

async function waitingOf(who: Viewer, after: string | undefined) {
  try {
    return await listWaiting(theRecord(), who.accountId, theTrust(), { after })
  } catch (error) {
    // A cursor that somebody made up: the first page.
    if (isFault(error) && error.code === 'input.invalid') return listWaiting(theRecord(), who.accountId, theTrust())
    throw error
  }
}

/** Keys of others: whoever knows the person says so with a key of their own. */
async function Waiting({ viewer, after, signs }: { viewer: Viewer; after: string | undefined; signs: boolean }) {
  const t = await getTranslations('passkeys')
  const page = await waitingOf(viewer, after)
  return (
    <Section title={t('waiting')} id="waiting">
      <p className="mb-3 max-w-[46rem] text-[13px] text-soft">{t('waitingHelp')}</p>
      {page.items.length === 0 ? (
        <p className="card flex items-center gap-2.5 px-4 py-4 text-soft">
          <UsersRound aria-hidden="true" className="size-4 shrink-0" />
          {t('nobodyWaits')}
        </p>
      ) : (
        <ul className="card divide-y divide-line" aria-label={t('waiting')}>
          {page.items.map((item) => (
            <VouchRow key={item.id} waiting={item} denied={signs ? null : t('vouchNeeds')} />
          ))}
        </ul>
      )}
      <Pager path="/account/passkeys" query={{}} next={page.next} deep={after !== undefined} />
    </Section>
  )
}

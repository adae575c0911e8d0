import { UserPlus } from 'lucide-react'
import type { Metadata } from 'next'
import Link from 'next/link'
import { getTranslations } from 'next-intl/server'
import { isFault } from '../../pipelines/fault'
import { listAccounts } from '../_server/accounts'
import { theRecord } from '../_server/record'
import { button } from '../_ui/button'
import { Denied } from '../_ui/denied'
import { roleName } from '../_ui/names'
import { PageHead } from '../_ui/page'
import { Pager } from '../_ui/pager'
import { Time } from '../_ui/time'
import { one, viewer } from '../viewer'
import { Roles } from './roles'
import type { AccountShape } from './shapes'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('accounts'))('title') }
}

export default async function Accounts({
  searchParams,
}: {
  searchParams: Promise<Record<string, string | string[] | undefined>>
}) {
  const asking = await viewer('accounts.read', '/accounts')
  const t = await getTranslations('accounts')
  if (!asking.ok) return <Denied role={asking.viewer.role} why={t('denied')} />
  const after = one((await searchParams).after)
  const page = await read(after)
  return (
    <>
      <PageHead
        title={t('title')}
        subtitle={t('subtitle')}
        aside={
          <Link href="/accounts/new" className={button({ kind: 'primary' })}>
            <UserPlus aria-hidden="true" className="size-4" />
            {t('create')}
          </Link>
        }
      />
      <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-x-5 gap-y-7 lg:grid-cols-[minmax(0,1fr)_minmax(0,20rem)]">
        <div>
          <ul className="card divide-y divide-line" aria-label={t('list')}>
            {page.items.map((account) => (
              <Account key={account.id} account={account} />
            ))}
          </ul>
          <Pager path="/accounts" query={{}} next={page.next} deep={after !== undefined} />
        </div>
        <Roles />
      </div>
    </>
  )
}

async function read(after: string | undefined) {
  try {
    return await listAccounts(theRecord(), { after })
  } catch (error) {
    if (isFault(error) && error.code === 'input.invalid') return listAccounts(theRecord())
    throw error
  }
}

async function Account({ account }: { account: AccountShape }) {
  const t = await getTranslations()
  return (
    <li className="grid grid-cols-[minmax(0,1fr)_auto] gap-x-5 gap-y-1 px-4 py-3 sm:grid-cols-[minmax(0,1fr)_9rem_9rem_5rem] sm:items-center">
      <span className="font-medium wrap-anywhere">
        <Link href={`/accounts/${account.id}`} className="hover:text-accent hover:underline">
          {account.name}
        </Link>
        {account.disabledAt && (
          <span className="ml-2 rounded-full bg-mute-ground px-2 py-0.5 text-xs font-medium text-mute">
            {t('people.disabled')}
          </span>
        )}
      </span>
      <span className="text-right sm:text-left">{roleName(t, account.role)}</span>
      <span className="text-[13px] text-soft">
        {account.forgeUserId === null
          ? t('accounts.noForgeUser')
          : t('accounts.forgeUserIs', { id: account.forgeUserId })}
      </span>
      <span className="text-right text-[13px] text-soft">
        <Time at={account.createdAt} />
      </span>
    </li>
  )
}

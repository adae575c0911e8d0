import type { Metadata } from 'next'
import { getTranslations } from 'next-intl/server'
import { ROLES } from '../../_server/permit'
import { Denied } from '../../_ui/denied'
import { PageHead } from '../../_ui/page'
import { viewer } from '../../viewer'
import { Roles } from '../roles'
import { AccountForm } from './account-form'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('accounts'))('create') }
}

export default async function NewAccount() {
  const asking = await viewer('accounts.create', '/accounts/new')
  const t = await getTranslations('accounts')
  if (!asking.ok) return <Denied role={asking.viewer.role} why={t('denied')} />
  return (
    <>
      <PageHead back={{ href: '/accounts', text: t('title') }} title={t('create')} subtitle={t('createHelp')} />
      <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-5 lg:grid-cols-[minmax(0,34rem)_minmax(0,20rem)]">
        <AccountForm roles={ROLES} />
        <Roles />
      </div>
    </>
  )
}

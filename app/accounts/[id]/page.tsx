import { Ban, Fingerprint, KeySquare } from 'lucide-react'
import type { Metadata } from 'next'
import { headers } from 'next/headers'
import { notFound } from 'next/navigation'
import { getTranslations } from 'next-intl/server'
import { cache } from 'react'
import { isFault } from '../../../pipelines/fault'
import { listMemberships } from '../../_server/memberships'
import { ROLES } from '../../_server/permit'
import { theRecord } from '../../_server/record'
import { ActForm, AskFirst } from '../../_ui/act'
import { Denied } from '../../_ui/denied'
import { roleName } from '../../_ui/names'
import { Note, PageHead, Section } from '../../_ui/page'
import { Pager } from '../../_ui/pager'
import { Moment, Time } from '../../_ui/time'
import { one, viewer } from '../../viewer'
import { Identities } from '../identities'
import { Grant, Memberships } from '../memberships'
import { projectsToGrant, readAccount } from '../read'
import { Sessions } from '../sessions'
import type { AccountDetail } from '../shapes'
import { ResetPassword } from './reset-password'

interface Props {
  params: Promise<{ id: string }>
  searchParams: Promise<Record<string, string | string[] | undefined>>
}

const theAccount = cache(async (id: string): Promise<AccountDetail> => {
  try {
    const cookie = (await headers()).get('cookie') ?? undefined
    return await readAccount(theRecord(), /^\d{1,10}$/.test(id) ? Number(id) : 0, cookie)
  } catch (error) {
    if (isFault(error) && error.code === 'not.found') notFound()
    throw error
  }
})

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  const { id } = await params
  if (!(await viewer('accounts.read', `/accounts/${id}`)).ok) return {}
  return { title: (await theAccount(id)).name }
}

export default async function Account({ params, searchParams }: Props) {
  const { id } = await params
  const asking = await viewer('accounts.read', `/accounts/${id}`)
  const t = await getTranslations()
  if (!asking.ok) return <Denied role={asking.viewer.role} why={t('accounts.denied')} />
  const account = await theAccount(id)
  const after = one((await searchParams).after)
  const [memberships, projects] = await Promise.all([
    listMemberships(theRecord(), { accountId: account.id }, { after }),
    projectsToGrant(theRecord()),
  ])
  const back = `/accounts/${account.id}` as const
  return (
    <>
      <PageHead
        back={{ href: '/accounts', text: t('accounts.title') }}
        title={account.name}
        subtitle={
          <span className="flex flex-wrap gap-x-4 gap-y-1 text-[13px]">
            <span>{roleName(t, account.role)}</span>
            <span>
              {account.forgeUserId === null
                ? t('accounts.noForgeUser')
                : t('accounts.forgeUserIs', { id: account.forgeUserId })}
            </span>
            <span>
              {t('people.since')} <Time at={account.createdAt} />
            </span>
          </span>
        }
        aside={<OnOff account={account} back={back} />}
      />
      {account.disabledAt && (
        <Note tone="refuse" icon={<Ban aria-hidden="true" />} title={t('people.disabledTitle')} className="mb-7">
          {t('people.disabledSince')} <Moment at={account.disabledAt} />
        </Note>
      )}
      <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-x-5 gap-y-7 lg:grid-cols-2">
        <div className="space-y-7">
          <Section title={t('people.role.title')}>
            <Role account={account} back={back} />
          </Section>
          <Section title={t('people.membership.title')}>
            <Memberships items={memberships.items} of="account" back={back} mayChange />
            <Pager path={back} query={{}} next={memberships.next} deep={after !== undefined} />
            <Grant
              fixed={{ account: account.id }}
              choices={projects.map(({ id, path }) => ({ id, name: path }))}
              environments={[...new Set(projects.flatMap((project) => project.environments))]}
              back={back}
            />
          </Section>
        </div>
        <div className="space-y-7">
          <Section title={t('people.ways.title')}>
            <Ways account={account} />
          </Section>
          <Section title={t('people.identity.title')}>
            <Identities identities={account.identities} />
          </Section>
          <Section title={t('people.session.title')} aside={<EndAll account={account} back={back} />}>
            <Sessions
              sessions={account.sessions}
              end={(session) => `/api/v1/accounts/${account.id}/sessions/${session}/end`}
              back={back}
            />
          </Section>
        </div>
      </div>
    </>
  )
}

async function OnOff({ account, back }: { account: AccountDetail; back: `/${string}` }) {
  const t = await getTranslations('people')
  const name = account.name
  return account.disabledAt === null ? (
    <AskFirst
      path={`/api/v1/accounts/${account.id}/disable`}
      back={back}
      text={t('disable')}
      kind="danger"
      denied={null}
      question={{ title: t('disableTitle', { name }), text: t('disableText') }}
    />
  ) : (
    <AskFirst
      path={`/api/v1/accounts/${account.id}/enable`}
      back={back}
      text={t('enable')}
      denied={null}
      question={{ title: t('enableTitle', { name }), text: t('enableText') }}
    />
  )
}

/** For the whole installation; what is for a part of it stands beside it. */
async function Role({ account, back }: { account: AccountDetail; back: `/${string}` }) {
  const t = await getTranslations()
  return (
    <ActForm
      path={`/api/v1/accounts/${account.id}/role`}
      back={back}
      text={t('people.role.change')}
      denied={null}
      className="card p-4"
    >
      <div>
        <label htmlFor="role" className="mb-1 block text-[13px] font-medium">
          {t('people.role.label')}
        </label>
        <select key={account.role} id="role" name="role" defaultValue={account.role} className="field">
          {ROLES.map((role) => (
            <option key={role} value={role}>
              {roleName(t, role)}
            </option>
          ))}
        </select>
      </div>
      <p className="text-[13px] text-faint">{t('people.role.help')}</p>
    </ActForm>
  )
}

/** How somebody gets into the account, and what else acts for it. */
async function Ways({ account }: { account: AccountDetail }) {
  const t = await getTranslations('people.ways')
  return (
    <ul className="card divide-y divide-line">
      <li className="flex flex-wrap items-center justify-between gap-3 px-4 py-3">
        <span>{t(account.hasPassword ? 'password' : 'noPassword')}</span>
        <ResetPassword account={account.id} name={account.name} />
      </li>
      <li className="flex items-center gap-2.5 px-4 py-3">
        <Fingerprint aria-hidden="true" className="size-4 text-soft" />
        {t('passkeys', { n: account.passkeys })}
      </li>
      <li className="flex items-center gap-2.5 px-4 py-3">
        <KeySquare aria-hidden="true" className="size-4 text-soft" />
        {t('tokens', { n: account.tokens })}
      </li>
    </ul>
  )
}

async function EndAll({ account, back }: { account: AccountDetail; back: `/${string}` }) {
  const t = await getTranslations('people.session')
  if (account.sessions.length === 0) return null
  return (
    <AskFirst
      path={`/api/v1/accounts/${account.id}/end-sessions`}
      back={back}
      text={t('endAll')}
      kind="quiet"
      size="small"
      denied={null}
      question={{ title: t('endAllTitle', { name: account.name }), text: t('endText') }}
    />
  )
}

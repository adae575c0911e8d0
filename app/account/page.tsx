import { CircleAlert, CircleCheck } from 'lucide-react'
import type { Metadata } from 'next'
import { headers } from 'next/headers'
import Link from 'next/link'
import { getTranslations } from 'next-intl/server'
import { listMemberships } from '../_server/memberships'
import { oidcName } from '../_server/oidc-name'
import { theRecord } from '../_server/record'
import { ActForm, AskFirst } from '../_ui/act'
import { Denied } from '../_ui/denied'
import { environmentName, roleName } from '../_ui/names'
import { Note, PageHead, Section } from '../_ui/page'
import { Identities } from '../accounts/identities'
import { readAccount } from '../accounts/read'
import { Sessions } from '../accounts/sessions'
import type { AccountDetail, MembershipShape } from '../accounts/shapes'
import { problemKey } from '../login/problems'
import { one, viewer } from '../viewer'
import { LinkIdentity } from './link-identity'
import { AccountNav } from './nav'

/** Roles in projects that the page lists; whoever has more sees them where the projects are. */
const SHOWN = 100

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('people'))('title') }
}

/** Who am I here, what may I, and where am I signed in. */
export default async function Mine({
  searchParams,
}: {
  searchParams: Promise<Record<string, string | string[] | undefined>>
}) {
  const asking = await viewer('account.session', '/account')
  const t = await getTranslations()
  if (!asking.ok) return <Denied role={asking.viewer.role} why={asking.why} />
  const { accountId } = asking.viewer
  const cookie = (await headers()).get('cookie') ?? undefined
  const [account, memberships] = await Promise.all([
    readAccount(theRecord(), accountId, cookie),
    listMemberships(theRecord(), { accountId }, { limit: SHOWN }),
  ])
  const query = await searchParams
  const [problem, done] = [one(query.problem), one(query.done)]
  return (
    <>
      <PageHead title={account.name} subtitle={t('people.subtitle')} />
      <AccountNav here="/account" />
      {problem && (
        <Note tone="fail" live icon={<CircleAlert aria-hidden="true" />} title={t('act.failed')} className="mb-5">
          {t(`problem.${problemKey(problem)}`, { provider: oidcName() ?? '' })}
        </Note>
      )}
      {done === 'password' && !problem && (
        <Note
          tone="ok"
          live
          icon={<CircleCheck aria-hidden="true" />}
          title={t('people.password.done')}
          className="mb-5"
        />
      )}
      <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-x-5 gap-y-7 lg:grid-cols-2">
        <div className="space-y-7">
          <Section title={t('people.roles.title')}>
            <MyRoles account={account} memberships={memberships.items} />
          </Section>
          <Section title={t('people.session.mine')} aside={<EndOthers account={account} />}>
            <Sessions sessions={account.sessions} end={(id) => `/api/v1/sessions/${id}/end`} back="/account" />
          </Section>
        </div>
        <div className="space-y-7">
          <Section title={t('people.password.title')}>
            <Password has={account.hasPassword} />
          </Section>
          <Section title={t('people.identity.mine')}>
            <MyIdentities account={account} />
          </Section>
        </div>
      </div>
    </>
  )
}

async function MyRoles({ account, memberships }: { account: AccountDetail; memberships: readonly MembershipShape[] }) {
  const t = await getTranslations()
  const everywhere = account.role !== 'member'
  if (!everywhere && memberships.length === 0)
    return <p className="card px-4 py-3 text-soft">{t('people.roles.none')}</p>
  return (
    <ul className="card divide-y divide-line">
      {everywhere && (
        <li className="flex flex-wrap justify-between gap-3 px-4 py-3">
          <span className="font-medium">{roleName(t, account.role)}</span>
          <span className="text-soft">{t('people.roles.everywhere')}</span>
        </li>
      )}
      {memberships.map((item) => (
        <li key={item.id} className="flex flex-wrap justify-between gap-x-3 gap-y-1 px-4 py-3">
          <span className="font-medium">{roleName(t, item.role)}</span>
          <span className="min-w-0 text-soft wrap-anywhere">
            <Link href={`/projects/${item.project.id}`} className="hover:text-accent hover:underline">
              {item.project.path}
            </Link>{' '}
            · {item.environment === null ? t('people.membership.whole') : environmentName(t, item.environment)}
          </span>
        </li>
      ))}
    </ul>
  )
}

async function Password({ has }: { has: boolean }) {
  const t = await getTranslations('people.password')
  if (!has) return <p className="card px-4 py-3 text-soft">{t('none')}</p>
  const fields = [
    { name: 'old', text: t('old'), complete: 'current-password', least: 1 },
    { name: 'new', text: t('new'), complete: 'new-password', least: 10 },
  ]
  return (
    <ActForm
      path="/api/v1/account/password"
      back="/account"
      next="/account?done=password"
      text={t('change')}
      denied={null}
      className="card p-4"
    >
      {fields.map(({ name, text, complete, least }) => (
        <label key={name} className="block text-[13px] font-medium">
          {text}
          <input
            name={name}
            type="password"
            required
            minLength={least}
            maxLength={512}
            autoComplete={complete}
            className="field mt-1"
          />
        </label>
      ))}
      <p className="text-[13px] text-faint">{t('help')}</p>
    </ActForm>
  )
}

async function EndOthers({ account }: { account: AccountDetail }) {
  const t = await getTranslations('people.session')
  if (account.sessions.length < 2) return null
  return (
    <AskFirst
      path="/api/v1/sessions/end-others"
      back="/account"
      text={t('endOthers')}
      kind="quiet"
      size="small"
      denied={null}
      question={{ title: t('endOthersTitle'), text: t('endText') }}
    />
  )
}

async function MyIdentities({ account }: { account: AccountDetail }) {
  const t = await getTranslations('people.identity')
  const provider = oidcName()
  const only = !account.hasPassword && account.passkeys === 0 && account.identities.length === 1
  return (
    <>
      <Identities
        identities={account.identities}
        act={(identity) => (
          <AskFirst
            path={`/api/v1/account/identities/${identity.id}/unlink`}
            back="/account"
            text={t('unlink')}
            kind="danger"
            size="small"
            denied={only ? t('only') : null}
            question={{ title: t('unlinkTitle', { name: identity.name || identity.subject }), text: t('unlinkText') }}
          />
        )}
      />
      {provider !== null && account.identities.length === 0 && <LinkIdentity text={t('link', { provider })} />}
    </>
  )
}

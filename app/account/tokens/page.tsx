import type { Metadata } from 'next'
import { getTranslations } from 'next-intl/server'
import { SCOPES } from '../../_server/permit'
import { theRecord } from '../../_server/record'
import { DEFAULT_SCOPES, listTokens, TOKEN_DAYS } from '../../_server/tokens'
import { Denied } from '../../_ui/denied'
import { PageHead, Section } from '../../_ui/page'
import { Time } from '../../_ui/time'
import { viewer } from '../../viewer'
import { AccountNav } from '../nav'
import { RevokeToken } from './revoke-token'
import { TokenForm } from './token-form'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('people.token'))('title') }
}

export default async function Tokens() {
  const asking = await viewer('tokens.read', '/account/tokens')
  const t = await getTranslations('people.token')
  if (!asking.ok) return <Denied role={asking.viewer.role} why={asking.why} />
  const tokens = await listTokens(theRecord(), asking.viewer.accountId)
  const scope = await getTranslations('account.scope')
  return (
    <>
      <PageHead title={asking.viewer.name} subtitle={t('subtitle')} />
      <AccountNav here="/account/tokens" />
      <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-x-5 gap-y-7 lg:grid-cols-[minmax(0,1.2fr)_minmax(0,1fr)]">
        <Section title={t('list')}>
          {tokens.length === 0 ? (
            <p className="card px-4 py-3 text-soft">{t('none')}</p>
          ) : (
            <ul className="card divide-y divide-line">
              {tokens.map((token) => (
                <li key={token.id} className="flex flex-wrap items-center justify-between gap-x-5 gap-y-2 px-4 py-3">
                  <div className="min-w-0 flex-[1_1_14rem]">
                    <p className="font-medium wrap-anywhere">{token.name}</p>
                    <p className="text-[13px] text-soft">
                      {token.scopes.length > 0 ? token.scopes.map((name) => scope(name)).join(' · ') : t('noScope')}
                    </p>
                    <p className="text-[13px] text-faint">
                      {t.rich('times', {
                        made: () => <Time at={token.createdAt} />,
                        ends: () => <Time at={token.expiresAt} />,
                      })}{' '}
                      ·{' '}
                      {token.lastUsedAt === null
                        ? t('unused')
                        : t.rich('used', { at: () => <Time at={token.lastUsedAt ?? ''} /> })}
                    </p>
                  </div>
                  <RevokeToken id={token.id} name={token.name} />
                </li>
              ))}
            </ul>
          )}
        </Section>
        <Section title={t('make')}>
          <TokenForm scopes={SCOPES} standard={DEFAULT_SCOPES} days={TOKEN_DAYS} />
        </Section>
      </div>
    </>
  )
}

import { CircleAlert, LogIn } from 'lucide-react'
import type { Metadata } from 'next'
import { redirect } from 'next/navigation'
import { getTranslations } from 'next-intl/server'
import { oidcName } from '../_server/oidc-name'
import { button } from '../_ui/button'
import { Note } from '../_ui/page'
import { BareMark } from '../_ui/shell'
import { one, whoLooks } from '../viewer'
import { PasskeyButton } from './passkey-button'
import { problemKey } from './problems'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('login'))('title') }
}

/** A path of our own, never another host: the address bar could hold anything. REST checks it again. */
const ownPath = (text: string | undefined) =>
  text !== undefined && /^\/(?![/\\])/.test(text) && !text.startsWith('/login') ? text : '/'

/** A plain form that REST answers with a redirect: signing in needs no script. */
export default async function Login({
  searchParams,
}: {
  searchParams: Promise<Record<string, string | string[] | undefined>>
}) {
  const query = await searchParams
  const next = ownPath(one(query.next))
  if (await whoLooks()) redirect(next)
  const t = await getTranslations()
  const problem = one(query.problem)
  const provider = oidcName()
  return (
    <div className="w-full max-w-sm">
      <div className="mb-7 flex flex-col items-center text-center">
        <BareMark />
        <h1 className="mt-4 text-xl font-semibold tracking-tight">Shiplock</h1>
        <p className="mt-1.5 text-soft">{t('login.lead')}</p>
      </div>
      {problem && (
        <Note tone="fail" live icon={<CircleAlert aria-hidden="true" />} title={t('login.failed')} className="mb-4">
          {t(`problem.${problemKey(problem)}`, { provider: provider ?? '' })}
        </Note>
      )}
      <form
        method="post"
        action="/api/v1/session"
        className="card space-y-4 p-5 shadow-[0_1px_3px_rgb(4_20_28/.05)]"
        aria-label={t('login.title')}
      >
        <input type="hidden" name="next" value={next} />
        <input type="hidden" name="back" value="/login" />
        <div>
          <label htmlFor="name" className="mb-1.5 block font-medium">
            {t('login.account')}
          </label>
          <input
            id="name"
            name="name"
            required
            maxLength={64}
            autoComplete="username"
            autoCapitalize="none"
            spellCheck={false}
            className="field"
          />
        </div>
        <div>
          <label htmlFor="password" className="mb-1.5 block font-medium">
            {t('login.password')}
          </label>
          <input
            id="password"
            name="password"
            type="password"
            required
            maxLength={512}
            autoComplete="current-password"
            className="field"
          />
        </div>
        <button type="submit" className={button({ kind: 'primary', className: 'w-full' })}>
          {t('login.submit')}
        </button>
      </form>
      <PasskeyButton next={next} />
      {provider !== null && (
        // No prefetch: asking for this address begins a sign-in.
        <a
          href={`/api/v1/oidc/begin?next=${encodeURIComponent(next)}`}
          className={button({ className: 'mt-2.5 w-full' })}
        >
          <LogIn aria-hidden="true" className="size-4" />
          {t('login.with', { provider })}
        </a>
      )}
    </div>
  )
}

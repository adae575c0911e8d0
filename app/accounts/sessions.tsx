import { getTranslations } from 'next-intl/server'
import { AskFirst } from '../_ui/act'
import { Time } from '../_ui/time'
import { agentName } from './agent'
import type { OpenSession } from './shapes'

const HOW = { password: 'password', oidc: 'oidc', passkey: 'passkey' } as const
const isHow = (how: string): how is keyof typeof HOW => Object.hasOwn(HOW, how)

/** Where somebody is signed in, each with the way to end it. */
export async function Sessions({
  sessions,
  end,
  back,
}: {
  sessions: readonly OpenSession[]
  /** Where one is ended; null: by nobody who looks. */
  end: ((id: number) => `/api/v1/${string}`) | null
  back: `/${string}`
}) {
  const t = await getTranslations('people')
  if (sessions.length === 0) return <p className="card px-4 py-3 text-soft">{t('session.none')}</p>
  return (
    <ul className="card divide-y divide-line">
      {sessions.map((session) => (
        <li key={session.id} className="flex flex-wrap items-center justify-between gap-x-5 gap-y-2 px-4 py-3">
          <div className="min-w-0 flex-[1_1_16rem]">
            <p className="font-medium wrap-anywhere" title={session.agent}>
              {agentName(session.agent) ?? t('session.unknownAgent')}
              {session.current && (
                <span className="ml-2 rounded-full bg-ok-ground px-2 py-0.5 text-xs font-medium text-ok">
                  {t('session.this')}
                </span>
              )}
            </p>
            <p className="text-[13px] text-soft wrap-anywhere">
              {isHow(session.how) ? t(`session.how.${session.how}`) : session.how} · {session.address} ·{' '}
              {t('session.number', { id: session.id })}
            </p>
            <p className="text-[13px] text-faint">
              {t.rich('session.times', {
                began: () => <Time at={session.createdAt} />,
                seen: () => <Time at={session.lastSeenAt} />,
                ends: () => <Time at={session.expiresAt} />,
              })}
            </p>
          </div>
          {end !== null && !session.current && (
            <AskFirst
              path={end(session.id)}
              back={back}
              text={t('session.end')}
              kind="danger"
              size="small"
              denied={null}
              question={{ title: t('session.endTitle', { id: session.id }), text: t('session.endText') }}
            />
          )}
        </li>
      ))}
    </ul>
  )
}

import Link from 'next/link'
import { getTranslations } from 'next-intl/server'
import type { ReactNode } from 'react'
import { GRANTED } from '../_server/permit'
import { ActForm, AskFirst } from '../_ui/act'
import { environmentName, roleName } from '../_ui/names'
import { Time } from '../_ui/time'
import type { MembershipShape } from './shapes'

/** Who has which role where. @param of what the page is about: the other half is shown */
export async function Memberships({
  items,
  of,
  back,
  mayChange,
}: {
  items: readonly MembershipShape[]
  of: 'account' | 'project'
  back: `/${string}`
  mayChange: boolean
}) {
  const t = await getTranslations()
  if (items.length === 0) return <p className="card px-4 py-3 text-soft">{t(`people.membership.none.${of}`)}</p>
  return (
    <ul className="card divide-y divide-line">
      {items.map((item) => (
        <li key={item.id} className="flex flex-wrap items-center justify-between gap-x-5 gap-y-2 px-4 py-3">
          <div className="min-w-0 flex-[1_1_14rem]">
            <p className="font-medium wrap-anywhere">
              {of === 'account' ? (
                <Link href={`/projects/${item.project.id}`} className="hover:text-accent hover:underline">
                  {item.project.path}
                </Link>
              ) : mayChange ? (
                <Link href={`/accounts/${item.account.id}`} className="hover:text-accent hover:underline">
                  {item.account.name}
                </Link>
              ) : (
                item.account.name
              )}
              {of === 'project' && item.account.disabled && (
                <span className="ml-2 rounded-full bg-mute-ground px-2 py-0.5 text-xs font-medium text-mute">
                  {t('people.disabled')}
                </span>
              )}
            </p>
            <p className="text-[13px] text-soft">
              {roleName(t, item.role)} ·{' '}
              {item.environment === null ? t('people.membership.whole') : environmentName(t, item.environment)}
            </p>
            <p className="text-[13px] text-faint">
              {t.rich('people.membership.granted', { by: item.grantedBy, at: () => <Time at={item.createdAt} /> })}
            </p>
          </div>
          {mayChange && (
            <AskFirst
              path={`/api/v1/memberships/${item.id}/revoke`}
              back={back}
              text={t('people.membership.revoke')}
              kind="danger"
              size="small"
              denied={null}
              question={{
                title: t('people.membership.revokeTitle', {
                  name: item.account.name,
                  role: roleName(t, item.role),
                  project: item.project.path,
                }),
                text: t('people.membership.revokeText'),
              }}
            />
          )}
        </li>
      ))}
    </ul>
  )
}

interface Choice {
  id: number
  name: string
}

/** Grants a role: of the account that the page is about in a project, or the other way round. */
export async function Grant({
  fixed,
  choices,
  environments,
  back,
}: {
  fixed: { account: number } | { project: number }
  choices: readonly Choice[]
  environments: readonly string[]
  back: `/${string}`
}) {
  const t = await getTranslations()
  const open = 'account' in fixed ? 'project' : 'account'
  return (
    <details className="card mt-3">
      <summary className="px-4 py-3 font-medium hover:text-accent">{t('people.membership.grant')}</summary>
      <ActForm
        path="/api/v1/memberships"
        fields={'account' in fixed ? { account: fixed.account } : { project: fixed.project }}
        back={back}
        next={back}
        text={t('people.membership.grant')}
        kind="primary"
        denied={null}
        className="border-t border-line p-4"
      >
        <div className="grid gap-3 sm:grid-cols-3">
          <Field id="grant-whom" label={t(`people.membership.${open}`)}>
            <select id="grant-whom" name={open} required className="field min-w-0">
              {choices.map(({ id, name }) => (
                <option key={id} value={id}>
                  {name}
                </option>
              ))}
            </select>
          </Field>
          <Field id="grant-where" label={t('people.membership.place')}>
            <select id="grant-where" name="environment" className="field min-w-0">
              <option value="">{t('people.membership.whole')}</option>
              {environments.map((name) => (
                <option key={name} value={name}>
                  {environmentName(t, name)}
                </option>
              ))}
            </select>
          </Field>
          <Field id="grant-role" label={t('people.membership.role')}>
            <select id="grant-role" name="role" defaultValue="developer" className="field min-w-0">
              {GRANTED.map((role) => (
                <option key={role} value={role}>
                  {roleName(t, role)}
                </option>
              ))}
            </select>
          </Field>
        </div>
      </ActForm>
    </details>
  )
}

const Field = ({ id, label, children }: { id: string; label: string; children: ReactNode }) => (
  <div>
    <label htmlFor={id} className="mb-1 block text-[13px] font-medium">
      {label}
    </label>
    {children}
  </div>
)

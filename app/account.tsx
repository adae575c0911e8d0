'use client'
import { LogOut } from 'lucide-react'
import Link from 'next/link'
import { useTranslations } from 'next-intl'
import { useState } from 'react'
import type { RoleName } from './_ui/names'
import { ask } from './rest'

/** Who is signed in, the way to their account, and the way out. */
export function Account({ name, role }: { name: string; role: RoleName }) {
  const t = useTranslations()
  const [problem, setProblem] = useState('')
  const signOut = async () => {
    try {
      await ask('DELETE', '/api/v1/session', undefined, t('error.offline'))
      // A whole new page: nothing that this account has read stays in memory.
      location.assign('/login')
    } catch (error) {
      setProblem((error as Error).message)
    }
  }
  return (
    <div>
      <div className="flex items-center gap-2.5 px-1">
        <Link
          href="/account"
          className="group flex min-w-0 flex-1 items-center gap-2.5 rounded"
          title={t('account.open')}
        >
          <span
            aria-hidden="true"
            className="grid size-8 shrink-0 place-items-center rounded-full bg-accent-ground text-xs font-semibold text-accent uppercase"
          >
            {[...name].slice(0, 2).join('')}
          </span>
          <span className="min-w-0 flex-1">
            <span className="block truncate text-[13px] leading-tight font-medium group-hover:text-accent">{name}</span>
            <span className="block text-xs text-faint">{t(`account.role.${role}`)}</span>
          </span>
        </Link>
        <button
          type="button"
          onClick={signOut}
          aria-label={t('account.signOut')}
          title={t('account.signOut')}
          className="grid size-8 place-items-center rounded-[7px] text-soft hover:bg-raised hover:text-ink"
        >
          <LogOut aria-hidden="true" className="size-4" />
        </button>
      </div>
      {problem && (
        <p role="alert" className="mt-1 text-xs text-fail">
          {problem}
        </p>
      )}
    </div>
  )
}

'use client'
import { Monitor, Moon, Sun } from 'lucide-react'
import { useRouter } from 'next/navigation'
import { useLocale, useTranslations } from 'next-intl'
import { useState } from 'react'
import { cn } from './classes'

const YEAR_S = 31_536_000
const THEMES = [
  { name: 'light', icon: Sun },
  { name: 'dark', icon: Moon },
  { name: 'system', icon: Monitor },
] as const
export type Theme = (typeof THEMES)[number]['name']

const remember = (name: string, value: string) => {
  // Read by the server as it makes the page: no flash of the wrong theme, and no script ahead of the page.
  // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is not there over plain http
  document.cookie = `${name}=${value}; Path=/; Max-Age=${YEAR_S}; SameSite=Lax`
}

const CHOICE = 'grid h-7 flex-1 place-items-center rounded-[5px] text-xs font-medium'
const chosen = (on: boolean) =>
  cn(CHOICE, on ? 'bg-surface text-ink shadow-[0_1px_2px_rgb(0_0_0/.12)] ring-1 ring-line' : 'text-soft hover:text-ink')

/** Theme and language, kept in cookies. */
export function Preferences({
  theme: given,
  locales,
}: {
  theme: Theme
  locales: readonly { code: string; name: string }[]
}) {
  const t = useTranslations('account')
  const locale = useLocale()
  const router = useRouter()
  const [theme, setTheme] = useState(given)
  const setLook = (next: Theme) => {
    remember('theme', next)
    document.documentElement.classList.remove('light', 'dark')
    if (next !== 'system') document.documentElement.classList.add(next)
    setTheme(next)
  }
  return (
    <div className="flex flex-col gap-2">
      <fieldset aria-label={t('language')} className="flex gap-0.5 rounded-[7px] bg-raised p-0.5">
        {locales.map(({ code, name }) => (
          <button
            key={code}
            type="button"
            lang={code}
            aria-pressed={code === locale}
            className={chosen(code === locale)}
            onClick={() => {
              remember('locale', code)
              router.refresh()
            }}
          >
            {name}
          </button>
        ))}
      </fieldset>
      <fieldset aria-label={t('theme')} className="flex gap-0.5 rounded-[7px] bg-raised p-0.5">
        {THEMES.map(({ name, icon: Icon }) => (
          <button
            key={name}
            type="button"
            aria-pressed={name === theme}
            aria-label={t(name)}
            title={t(name)}
            className={chosen(name === theme)}
            onClick={() => setLook(name)}
          >
            <Icon aria-hidden="true" className="size-3.5" />
          </button>
        ))}
      </fieldset>
    </div>
  )
}

'use client'
import { useTranslations } from 'next-intl'
import { useId } from 'react'

/** Letters from a sheet of paper: nothing here is remembered, corrected, or sent as it is. */
export function CodeField({ required }: { required: boolean }) {
  const t = useTranslations('passkeys')
  const id = useId()
  return (
    <div>
      <label htmlFor={id} className="mb-1.5 block font-medium">
        {t(required ? 'code' : 'codeIfAny')}
      </label>
      <input
        id={id}
        name="code"
        required={required}
        maxLength={60}
        placeholder="XXXX-XXXX-XXXX-XXXX-XXXX-XXXX"
        autoComplete="off"
        autoCapitalize="characters"
        spellCheck={false}
        aria-describedby={`${id}-help`}
        className="field font-mono text-[13px] uppercase"
      />
      <p id={`${id}-help`} className="mt-1 text-xs text-faint">
        {t('codeHelp')}
      </p>
    </div>
  )
}

'use client'
import { Link2 } from 'lucide-react'
import { useTranslations } from 'next-intl'
import { useState } from 'react'
import { Button } from '../_ui/button'
import { ask } from '../rest'

/** Leads to the provider and back. A link alone must never do this: whoever made it could link somebody else's identity. */
export function LinkIdentity({ text }: { text: string }) {
  const t = useTranslations()
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState('')
  const link = async () => {
    setBusy(true)
    setProblem('')
    try {
      const { address } = (await ask('POST', '/api/v1/oidc/link', {}, t('error.offline'))) as { address: string }
      location.assign(address)
    } catch (error) {
      setProblem((error as Error).message)
      setBusy(false)
    }
  }
  return (
    <div className="mt-3">
      <Button onClick={link} disabled={busy}>
        <Link2 aria-hidden="true" className="size-4" />
        {busy ? t('act.working') : text}
      </Button>
      {problem && (
        <p role="alert" className="mt-2 text-[13px] text-fail wrap-anywhere">
          {t('act.failed')}: {problem}
        </p>
      )}
    </div>
  )
}

'use client'
import { KeyRound } from 'lucide-react'
import { useTranslations } from 'next-intl'
import { useState } from 'react'
import { Button } from '../_ui/button'
import { passkeyWords, signInWithPasskey } from '../_ui/passkey'
import { ask } from '../rest'

/** Signs in without a name: the passkey says whose it is. @param next a path of our own */
export function PasskeyButton({ next }: { next: string }) {
  const t = useTranslations()
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState('')
  const signIn = async () => {
    setBusy(true)
    setProblem('')
    try {
      const offline = t('error.offline')
      const asked = await ask('POST', '/api/v1/session/passkey/challenge', {}, offline)
      const given = await signInWithPasskey(asked as { challenge: string; rpId: string })
      await ask('POST', '/api/v1/session/passkey', given, offline)
      // A whole new page: nothing of a stranger's stays in memory.
      location.assign(next)
    } catch (error) {
      setProblem(passkeyWords(t, error))
      setBusy(false)
    }
  }
  return (
    <div className="mt-4">
      <Button onClick={signIn} disabled={busy} className="w-full">
        <KeyRound aria-hidden="true" className="size-4" />
        {busy ? t('passkeys.signingIn') : t('passkeys.signIn')}
      </Button>
      <p role="alert" className="mt-2 text-[13px] text-fail wrap-anywhere empty:hidden">
        {problem}
      </p>
    </div>
  )
}

'use client'
// One answer, step by step: the reason, the statement as the server makes it, the passkey, and sending it. Whatever was closed
// in between is not heard any more.
import { useRouter } from 'next/navigation'
import { useTranslations } from 'next-intl'
import { useRef, useState } from 'react'
import { passkeyWords, signWithPasskey } from '../_ui/passkey'
import { ask, Refused } from '../rest'
import type { StatementMade } from './shapes'

export type Deed = 'approve' | 'reject' | 'override' | 'break-glass'

export type Step =
  | { at: 'closed' }
  /** What is given along is asked for first. */
  | { at: 'asked'; deed: Deed }
  | { at: 'preparing'; deed: Deed; reason: string }
  | {
      at: 'shown'
      deed: Deed
      reason: string
      made: StatementMade
      /** It was prepared anew, and why; empty: it is the first. */
      changed: string
      /** What went wrong with the last try; it can be tried again. */
      problem: string
      busy: 'signing' | 'sending' | null
    }
  /** Nothing could be prepared. */
  | { at: 'stuck'; deed: Deed; problem: string }

export interface AnswerTo {
  kind: 'promotion' | 'policyChange'
  id: number
}

const pathOf = ({ kind, id }: AnswerTo) =>
  kind === 'promotion'
    ? (`/api/v1/promotions/${id}/statement` as const)
    : (`/api/v1/policy-changes/${id}/statement` as const)

export function useAnswer(to: AnswerTo) {
  const router = useRouter()
  const t = useTranslations()
  const [step, setStep] = useState<Step>({ at: 'closed' })
  const [said, setSaid] = useState('')
  const [began, setBegan] = useState(false)
  // Grows with each dialog: an answer that comes for an earlier one is not shown in the next.
  const turn = useRef(0)
  const [offline, now] = [t('error.offline'), () => turn.current]

  const prepare = async (deed: Deed, reason: string, changed = '') => {
    const mine = changed === '' ? ++turn.current : now()
    setSaid('')
    setBegan(true)
    setStep({ at: 'preparing', deed, reason })
    try {
      const made = (await ask('POST', pathOf(to), { decision: deed, reason }, offline)) as StatementMade
      if (mine === now()) setStep({ at: 'shown', deed, reason, made, changed, problem: '', busy: null })
    } catch (error) {
      if (mine !== now()) return
      const problem = [...new Set([changed, passkeyWords(t, error)])].filter((text) => text !== '').join(' · ')
      setStep({ at: 'stuck', deed, problem })
      router.refresh() // the page may be older than what it was refused for
    }
  }

  const give = async (shown: Extract<Step, { at: 'shown' }>, withPasskey: boolean) => {
    const mine = now()
    const { made, deed, reason } = shown
    try {
      let assertion: Awaited<ReturnType<typeof signWithPasskey>> | undefined
      if (withPasskey) {
        setStep({ ...shown, busy: 'signing', problem: '' })
        const { challenge, rpId, passkey } = made
        assertion = await signWithPasskey({ challenge, rpId, credentials: passkey.credentials })
        if (mine !== now()) return // closed while the browser asked: nothing is sent
      }
      setStep({ ...shown, busy: 'sending', problem: '' })
      const body = assertion ? { hash: made.hash, assertion } : { hash: made.hash }
      await ask('POST', '/api/v1/approvals', body, offline)
      if (mine === now()) setStep({ at: 'closed' })
      setSaid(t(`answer.said.${deed}`))
      router.refresh()
    } catch (error) {
      if (mine !== now()) return
      // Something that it binds is another one now: what is shown must be what is signed.
      if (error instanceof Refused && error.code === 'conflict') return prepare(deed, reason, passkeyWords(t, error))
      setStep({ ...shown, busy: null, problem: passkeyWords(t, error) })
    }
  }

  return {
    step,
    /** There has been an answer, or a try. */
    began,
    /** What was done last, for the page behind the dialog. */
    said,
    prepare,
    give,
    begin: (deed: Deed) => {
      turn.current++
      setSaid('')
      setBegan(true)
      setStep({ at: 'asked', deed })
    },
    close: () => {
      turn.current++
      setStep({ at: 'closed' })
    },
  }
}

import { CircleX } from 'lucide-react'
import { useTranslations } from 'next-intl'
import { Note } from './page'

const WORDS: Record<string, 'conflict' | 'input' | 'denied'> = {
  conflict: 'conflict',
  'not.found': 'conflict',
  'input.invalid': 'input',
  'not.permitted': 'denied',
}

/** What went wrong with a form that was sent without a script: the address carries the code of the fault. */
export function Refusal({ problem }: { problem: string | undefined }) {
  const t = useTranslations('refusal')
  if (problem === undefined) return null
  return <Note tone="fail" live icon={<CircleX aria-hidden="true" />} title={t(WORDS[problem] ?? 'other')} />
}

import { Hourglass, ShieldCheck, ShieldX } from 'lucide-react'
import { useTranslations } from 'next-intl'
import type { TrailEntry } from './shapes'

const LOOKS = {
  signed: { icon: ShieldCheck, tone: 'text-ok' },
  notSigned: { icon: Hourglass, tone: 'text-wait' },
  notChained: { icon: ShieldX, tone: 'text-fail' },
} as const

/** Whether anybody can prove it: an icon with its words. */
export function Signed({ entry }: { entry: TrailEntry }) {
  const t = useTranslations('trail')
  const state = entry.seq === null ? 'notChained' : entry.signed ? 'signed' : 'notSigned'
  const { icon: Icon, tone } = LOOKS[state]
  return (
    <span className={tone} title={t(state)}>
      <Icon aria-hidden="true" className="size-4" />
      <span className="sr-only">{t(state)}</span>
    </span>
  )
}

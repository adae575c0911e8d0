import { Ban, GitFork, PenLine, X } from 'lucide-react'
import { useTranslations } from 'next-intl'
import { cn } from '../_ui/classes'
import type { MergeRequestShape } from './shapes'

/** What one should know of it at a glance: a fork's, a draft, in conflict, or no arrow of the flow. */
export function Marks({ mergeRequest: m }: { mergeRequest: MergeRequestShape }) {
  const t = useTranslations('mergeRequests')
  const marks = [
    m.fork && { text: t('fork'), icon: GitFork, look: 'bg-wait-ground text-wait' },
    m.draft && { text: t('draft'), icon: PenLine, look: 'bg-mute-ground text-mute' },
    m.status === 'opened' &&
      m.mergeable.startsWith('conflict') && { text: t('conflict'), icon: X, look: 'bg-fail-ground text-fail' },
    m.status === 'opened' && !m.pair.ok && { text: t('wrongPair'), icon: Ban, look: 'bg-refuse-ground text-refuse' },
  ].filter((mark) => mark !== false)
  if (marks.length === 0) return null
  return (
    <ul className="flex flex-wrap gap-1.5">
      {marks.map(({ text, icon: Icon, look }) => (
        <li
          key={text}
          className={cn(
            'inline-flex h-6 items-center gap-1 rounded-full px-2 text-xs font-medium whitespace-nowrap',
            look,
          )}
        >
          <Icon aria-hidden="true" className="size-3.5" />
          {text}
        </li>
      ))}
    </ul>
  )
}

import {
  Ban,
  Check,
  CheckCheck,
  ChevronsRight,
  CircleDashed,
  CircleSlash,
  Clock,
  Copy,
  GitMerge,
  GitPullRequest,
  GitPullRequestClosed,
  Hand,
  HelpCircle,
  Hourglass,
  Inbox,
  ListOrdered,
  Loader,
  Lock,
  type LucideIcon,
  Minus,
  Tag,
  TriangleAlert,
  Unplug,
  X,
} from 'lucide-react'
import { useTranslations } from 'next-intl'
import { cn } from './classes'

/** Colour, ground of the badge, and fill of a segment. Whole class names: Tailwind reads them here. */
const TONES = {
  ok: { text: 'text-ok', badge: 'bg-ok-ground text-ok', fill: 'bg-ok-fill' },
  run: { text: 'text-run', badge: 'bg-run-ground text-run', fill: 'bg-run-fill' },
  wait: { text: 'text-wait', badge: 'bg-wait-ground text-wait', fill: 'bg-wait-fill' },
  queue: { text: 'text-queue', badge: 'bg-queue-ground text-queue', fill: 'bg-queue-fill' },
  fail: { text: 'text-fail', badge: 'bg-fail-ground text-fail', fill: 'bg-fail-fill' },
  err: { text: 'text-err', badge: 'bg-err-ground text-err', fill: 'bg-err-fill' },
  refuse: { text: 'text-refuse', badge: 'bg-refuse-ground text-refuse', fill: 'bg-refuse-fill' },
  mute: { text: 'text-mute', badge: 'bg-mute-ground text-mute', fill: 'bg-mute-fill' },
} as const
export type Tone = keyof typeof TONES

interface Look {
  tone: Tone
  icon: LucideIcon
  /** Something is happening right now. */
  moving?: true
}

/** How each status looks; never by colour alone. */
export const LOOKS = {
  pending: { tone: 'mute', icon: CircleDashed },
  waiting: { tone: 'wait', icon: Hourglass },
  queued: { tone: 'queue', icon: ListOrdered },
  planning: { tone: 'run', icon: Loader, moving: true },
  running: { tone: 'run', icon: Loader, moving: true },
  deploying: { tone: 'run', icon: Loader, moving: true },
  verifying: { tone: 'run', icon: Loader, moving: true },
  connecting: { tone: 'queue', icon: Clock },
  checking: { tone: 'run', icon: Loader, moving: true },
  succeeded: { tone: 'ok', icon: Check },
  deployed: { tone: 'ok', icon: Check },
  verified: { tone: 'ok', icon: CheckCheck },
  connected: { tone: 'ok', icon: Check },
  accepted: { tone: 'ok', icon: Inbox },
  failed: { tone: 'fail', icon: X },
  broken: { tone: 'fail', icon: Unplug },
  errored: { tone: 'err', icon: TriangleAlert },
  canceled: { tone: 'mute', icon: CircleSlash },
  skipped: { tone: 'mute', icon: Minus },
  refused: { tone: 'refuse', icon: Ban },
  superseded: { tone: 'mute', icon: ChevronsRight },
  ignored: { tone: 'mute', icon: Minus },
  duplicate: { tone: 'queue', icon: Copy },
  held: { tone: 'wait', icon: Hand },
  opened: { tone: 'run', icon: GitPullRequest },
  merged: { tone: 'ok', icon: GitMerge },
  closed: { tone: 'mute', icon: GitPullRequestClosed },
  locked: { tone: 'queue', icon: Lock },
  doing: { tone: 'run', icon: Loader, moving: true },
  done: { tone: 'ok', icon: Check },
  owed: { tone: 'queue', icon: Clock },
  making: { tone: 'run', icon: Loader, moving: true },
  awaited: { tone: 'wait', icon: Hourglass },
  made: { tone: 'ok', icon: Tag },
  taken: { tone: 'ok', icon: Tag },
  moved: { tone: 'err', icon: TriangleAlert },
  stray: { tone: 'mute', icon: HelpCircle },
  conflicting: { tone: 'fail', icon: X },
  declined: { tone: 'refuse', icon: Ban },
  unneeded: { tone: 'mute', icon: Minus },
  proposed: { tone: 'wait', icon: Hourglass },
  applied: { tone: 'ok', icon: Check },
  withdrawn: { tone: 'mute', icon: CircleSlash },
  stale: { tone: 'mute', icon: ChevronsRight },
  unknown: { tone: 'mute', icon: HelpCircle },
} as const satisfies Record<string, Look>
export type StatusName = keyof typeof LOOKS

/** A status that this version does not know is shown as unknown, never as an error page. */
export const statusName = (status: string): StatusName =>
  Object.hasOwn(LOOKS, status) ? (status as StatusName) : 'unknown'
const lookOf = (status: string): Look => LOOKS[statusName(status)]
export const toneOf = (status: string) => TONES[lookOf(status).tone]

export function StatusIcon({ status, className }: { status: string; className?: string }) {
  const { icon: Icon, moving } = lookOf(status)
  return (
    <Icon
      aria-hidden="true"
      className={cn('size-4 shrink-0', moving && 'animate-[spin_2.4s_linear_infinite]', className)}
      strokeWidth={2.25}
    />
  )
}

/** Icon and word on a coloured ground. */
/** @param was another word in its place, for what holds no more: then without the colour */
export function StatusBadge({
  status,
  was,
  className,
}: {
  status: string
  was?: string | undefined
  className?: string
}) {
  const t = useTranslations('status')
  return (
    <span
      className={cn(
        'inline-flex h-6 items-center gap-1.5 rounded-full px-2 text-xs font-medium whitespace-nowrap',
        was === undefined ? toneOf(status).badge : TONES.mute.badge,
        className,
      )}
    >
      <StatusIcon status={status} className="size-3.5" />
      {was ?? t(statusName(status))}
    </span>
  )
}

/** A round icon alone, where the word stands beside it or is read out. */
export function StatusDisc({ status, className }: { status: string; className?: string }) {
  return (
    <span
      className={cn('inline-grid size-6 shrink-0 place-items-center rounded-full', toneOf(status).badge, className)}
    >
      <StatusIcon status={status} className="size-3.5" />
    </span>
  )
}

import { GitFork, GitPullRequest, Radar, Repeat } from 'lucide-react'
import Link from 'next/link'
import { useTranslations } from 'next-intl'
import { Note } from '../../_ui/page'
import { Commit, Outward } from '../../_ui/refs'
import { StatusBadge } from '../../_ui/status'
import { AllowFork } from '../allow-fork'
import type { RunWhole } from '../shapes'

/** Where it came from, if not from an ordinary push: a fork, a replay, or a webhook that never came. */
export function Origin({ run, denied }: { run: RunWhole; denied: string | null }) {
  const t = useTranslations()
  const request = run.mergeRequest
  if (run.branchKind === 'fork' || request?.fork)
    return (
      <Note icon={<GitFork aria-hidden="true" />} title={t('fork.banner')}>
        <p className="text-[13px]">{t('fork.bannerHelp', { path: request?.sourcePath || t('fork.gone') })}</p>
        {run.definitionCommit && (
          <p className="mt-1 flex flex-wrap items-center gap-x-2 text-[13px] text-soft">
            {t('fork.definition')} <Commit commit={run.definitionCommit} />
          </p>
        )}
        {run.status === 'held' && <AllowFork run={run.id} head={run.commit} back={`/runs/${run.id}`} denied={denied} />}
      </Note>
    )
  const known = ORIGINS.find((o) => o.origin === run.origin)
  if (known === undefined) return null
  const { icon: Icon } = known
  return (
    <Note icon={<Icon aria-hidden="true" />} title={t(`run.origin.${known.origin}`)}>
      <span className="text-[13px] text-soft">{t(`run.originHelp.${known.origin}`)}</span>
    </Note>
  )
}

const ORIGINS = [
  { origin: 'head', icon: Radar },
  { origin: 'reconcile', icon: Radar },
  { origin: 'replay', icon: Repeat },
] as const

/** What hangs on this run: its merge request, its version tags, and what must come back to develop. */
export function Ties({ run }: { run: RunWhole }) {
  const t = useTranslations()
  if (run.mergeRequest === null && run.tags.length === 0 && run.backMerges.length === 0) return null
  return (
    <ul className="card divide-y divide-line" aria-label={t('run.ties')}>
      {run.mergeRequest && (
        <Tie name={t('run.mergeRequest')} status={run.mergeRequest.status} because="">
          <GitPullRequest aria-hidden="true" className="size-4 shrink-0 text-faint" />
          <Link href={`/merge-requests/${run.mergeRequest.id}`} className="link font-medium wrap-anywhere">
            {t('mergeRequests.number', { iid: run.mergeRequest.iid })}{' '}
            {t('mergeRequest.heading', { source: run.mergeRequest.source, target: run.mergeRequest.target })}
          </Link>
        </Tie>
      )}
      {run.tags.map((tag) => (
        <Tie key={tag.id} name={t('word.tag')} status={tag.status} because={tag.because}>
          <span className="font-medium wrap-anywhere">{tag.name ?? t('run.tagAwaited')}</span>
          {tag.by && <span className="text-soft">{t('word.by', { name: tag.by })}</span>}
        </Tie>
      ))}
      {run.backMerges.map((debt) => (
        <Tie key={debt.id} name={t('run.backMerge')} status={debt.status} because={debt.because}>
          <span className="font-medium wrap-anywhere">
            {t('mergeRequest.heading', { source: debt.source, target: debt.target })}
          </span>
          {debt.url && <Outward href={debt.url}>{t('mergeRequests.number', { iid: debt.iid ?? 0 })}</Outward>}
        </Tie>
      ))}
    </ul>
  )
}

function Tie({
  name,
  status,
  because,
  children,
}: {
  name: string
  status: string
  because: string
  children: React.ReactNode
}) {
  return (
    <li className="px-4 py-2.5 text-[13px]">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <span className="w-28 text-faint">{name}</span>
        {children}
        <StatusBadge status={status} className="ml-auto" />
      </div>
      {because && <p className="mt-1 text-soft wrap-anywhere">{because}</p>}
    </li>
  )
}

import Link from 'next/link'
import { useTranslations } from 'next-intl'
import type { ReactNode } from 'react'
import { Branch, Commit, Digest, Outward } from '../../_ui/refs'
import { Moment } from '../../_ui/time'
import { TrustWords } from '../../_ui/trust'
import type { ReleaseDetail } from '../shapes'

/** What it is, by every name it has. */
export function ReleaseFacts({ release }: { release: ReleaseDetail }) {
  const t = useTranslations()
  return (
    <dl className="card grid grid-cols-[auto_minmax(0,1fr)] items-baseline gap-x-4 gap-y-1.5 px-4 py-3.5 text-[13px]">
      <Fact name={t('release.project')}>
        <Link href={`/projects/${release.project.id}`} className="link wrap-anywhere">
          {release.project.path}
        </Link>
      </Fact>
      <Fact name={t('word.branch')}>
        <Branch name={release.branch} />
      </Fact>
      <Fact name={t('word.commit')}>
        <span className="flex flex-wrap items-center gap-x-3">
          <Commit commit={release.commit} />
          {release.webUrl && <Outward href={release.webUrl}>{t('word.onForge')}</Outward>}
        </span>
      </Fact>
      <Fact name={t('word.digest')}>
        <Digest digest={release.digest} />
      </Fact>
      <Fact name={t('release.image')}>
        <code className="text-xs wrap-anywhere">{release.image}</code>
      </Fact>
      <Fact name={t('trust.title')}>
        <TrustWords trust={release.trust} />
      </Fact>
      <Fact name={t('release.tree')}>
        <code className="text-xs wrap-anywhere">{release.tree}</code>
      </Fact>
      <Fact name={t('release.cut')}>
        <Moment at={release.createdAt} />
      </Fact>
      <Fact name={t('release.bases')}>
        {release.bases.length === 0 ? (
          <span className="text-faint">{t('release.noBases')}</span>
        ) : (
          <ul>
            {release.bases.map((base) => (
              <li key={`${base.image} ${base.digest}`} className="flex flex-wrap items-center gap-x-2">
                <code className="text-xs wrap-anywhere">{base.image}</code>
                <Digest digest={base.digest} />
              </li>
            ))}
          </ul>
        )}
      </Fact>
    </dl>
  )
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt className="text-faint">{name}</dt>
      <dd className="min-w-0">{children}</dd>
    </>
  )
}

import { getTranslations } from 'next-intl/server'
import { PolicyDifference } from '../../../_ui/policy-difference'
import { Time } from '../../../_ui/time'
import type { PolicyVersionShape } from '../../policy-shapes'

/** What was in force, newest first: who wanted it, why, and what it changed. */
export async function Versions({ versions }: { versions: readonly PolicyVersionShape[] }) {
  const t = await getTranslations('policy')
  return (
    <ol className="card divide-y divide-line" aria-label={t('versions')}>
      {versions.map((version) => (
        <li key={version.version}>
          <details>
            <summary className="flex cursor-pointer flex-wrap items-baseline gap-x-3 gap-y-0.5 px-4 py-2.5 text-[13px] hover:bg-raised/60">
              <span className="font-medium">{t('version', { version: version.version })}</span>
              <span className="min-w-0 flex-1 wrap-anywhere">{version.because}</span>
              <span className="text-soft">
                {version.by} · <Time at={version.at} />
              </span>
            </summary>
            <div className="border-t border-line">
              {version.difference.length > 0 ? (
                <PolicyDifference rows={version.difference} past />
              ) : (
                <p className="px-4 py-2.5 text-[13px] text-soft">
                  {t(version.version === 1 ? 'firstVersion' : 'sameAsBefore')}
                </p>
              )}
              <p className="border-t border-line px-4 py-2 text-xs text-faint wrap-anywhere">
                sha256 <code>{version.sha256}</code>
              </p>
            </div>
          </details>
        </li>
      ))}
    </ol>
  )
}

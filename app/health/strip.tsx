import { TriangleAlert } from 'lucide-react'
import Link from 'next/link'
import { getTranslations } from 'next-intl/server'
import { PARTS } from '../../pipelines/part'
import { may, type Viewer } from '../_server/permit'
import { theHealth } from '../_server/record'
import { cn } from '../_ui/classes'
import { Time } from '../_ui/time'
import { becauseOf, whoActs } from './words'

/** Above every page, while something does not work: what, since when, why, and who can act. Nothing where all works. */
export async function HealthStrip({ viewer }: { viewer: Viewer }) {
  const { status, parts } = await theHealth().now()
  if (status === 'ok') return null
  const t = await getTranslations('health')
  const told = may(viewer, 'health.read')
  // Without a worker the rest is not known: that is one thing to say, not eight.
  const bad = PARTS.flatMap((name) => {
    const part = parts[name]
    return part.code === null || part.code === 'unknown' ? [] : [{ ...part, name, code: part.code }]
  })
  const shown = bad.length > 0 ? bad : [{ ...parts.engine, name: 'workers' as const, code: 'unknown' as const }]
  const worst = shown.some((part) => part.state === 'down')
  return (
    <aside
      aria-label={t('label')}
      className={cn(
        'mb-5 flex gap-3 rounded-[10px] border px-4 py-3 text-[13px]',
        worst ? 'border-fail/25 bg-fail-ground text-fail' : 'border-err/25 bg-err-ground text-err',
      )}
    >
      <TriangleAlert aria-hidden="true" className="mt-0.5 size-4 shrink-0" />
      <div className="min-w-0 flex-1">
        <p className="font-medium">{t(`title.${status}`)}</p>
        <ul className="mt-1 space-y-1.5 text-ink">
          {shown.map((part) => (
            <li key={part.name} className="wrap-anywhere">
              <span className="font-medium">{t(`part.${part.name}`)}</span>{' '}
              {part.since !== null && (
                <span className="text-soft">
                  ({t('since')} <Time at={part.since.toISOString()} />){' '}
                </span>
              )}
              {told ? becauseOf(t, part.code, part.params) : t('hidden')}{' '}
              {told && (
                <span className="text-soft">
                  {t('turn')} {whoActs(t, part.code)}
                </span>
              )}{' '}
              {told && part.code === 'trail.other' && (
                <Link href="/trail/restored" className="rounded font-medium text-accent hover:underline">
                  {t('see')}
                </Link>
              )}
            </li>
          ))}
        </ul>
      </div>
    </aside>
  )
}

import { Download } from 'lucide-react'
import { getTranslations } from 'next-intl/server'
import type { Viewer } from '../_server/permit'
import { Button, button } from '../_ui/button'
import { whyNot } from '../why-not'

/** The whole trail with its proofs, to take away. */
export async function Export({ viewer }: { viewer: Viewer }) {
  const t = await getTranslations()
  const denied = whyNot(t, viewer, 'trail.export')
  const icon = <Download aria-hidden="true" className="size-4 shrink-0" />
  if (denied === null)
    return (
      <a className={button({ size: 'small' })} href="/api/v1/trail/export" title={t('trail.exportHelp')} download>
        {icon}
        {t('trail.export')}
      </a>
    )
  return (
    <span className="flex flex-wrap items-center gap-x-2.5 gap-y-1">
      <Button size="small" disabled aria-describedby="why-no-export">
        {icon}
        {t('trail.export')}
      </Button>
      <span id="why-no-export" className="max-w-72 text-[13px] text-soft">
        {denied}
      </span>
    </span>
  )
}

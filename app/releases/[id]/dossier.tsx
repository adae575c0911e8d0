import { FileCheck2 } from 'lucide-react'
import { useTranslations } from 'next-intl'

/** The release told whole, to keep: as a page that opens offline, as JSON, and as a bundle that strangers can check. */
export function DossierLinks({ id }: { id: number }) {
  const t = useTranslations('dossier')
  const at = `/api/v1/releases/${id}`
  return (
    <p className="flex flex-wrap items-center gap-x-3 gap-y-1 text-sm">
      <a className="link inline-flex items-center gap-1.5" href={`${at}/dossier.html`} title={t('linkHelp')} download>
        <FileCheck2 aria-hidden="true" className="size-4" />
        {t('link')}
      </a>
      <a className="link text-soft" href={`${at}/dossier`}>
        {t('json')}
      </a>
      <a className="link text-soft" href={`${at}/bundle`} download>
        {t('bundle')}
      </a>
    </p>
  )
}

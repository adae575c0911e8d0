import { FileCheck2 } from 'lucide-react'
import { useTranslations } from 'next-intl'

/** The release told whole, to keep: as a page that opens offline, as JSON, and as a bundle that strangers can check. */
export function DossierLinks({ id }: { id: number }) {
  const t = useTranslations('dossier')
  const at = `/api/v1/releases/${id}`
  return (
    <p className="mt-2.5 flex flex-wrap items-center gap-x-4 gap-y-1">
      <a
        className="inline-flex items-center gap-1.5 font-medium text-accent hover:underline"
        href={`${at}/dossier.html`}
        title={t('linkHelp')}
        download
      >
        <FileCheck2 aria-hidden="true" className="size-4" />
        {t('link')}
      </a>
      <a className="text-soft hover:underline" href={`${at}/dossier`}>
        {t('json')}
      </a>
      <a className="text-soft hover:underline" href={`${at}/bundle`} download>
        {t('bundle')}
      </a>
    </p>
  )
}

import { Download, FileText } from 'lucide-react'
import { useTranslations } from 'next-intl'
import { size } from '../../_ui/duration'
import type { ArtifactShape } from '../test-shapes'

/** The files that a stage left, each to be downloaded. */
export function Artifacts({ artifacts }: { artifacts: readonly ArtifactShape[] }) {
  const t = useTranslations('artifacts')
  return (
    <ul className="card divide-y divide-line" aria-label={t('title')}>
      {artifacts.map((artifact) => (
        <li key={artifact.id} className="flex items-center gap-3 px-4 py-2.5 text-[13px]">
          <FileText aria-hidden="true" className="size-4 shrink-0 text-faint" />
          <span className="min-w-0 flex-1 wrap-anywhere">{artifact.path}</span>
          <span className="shrink-0 text-soft">{size(artifact.bytes)}</span>
          <a
            href={`/api/v1/artifacts/${artifact.id}`}
            download={artifact.path.split('/').at(-1)}
            className="inline-flex shrink-0 items-center gap-1 rounded font-medium text-accent hover:underline"
          >
            <Download aria-hidden="true" className="size-3.5" />
            {t('download')}
            <span className="sr-only">{artifact.path}</span>
          </a>
        </li>
      ))}
    </ul>
  )
}

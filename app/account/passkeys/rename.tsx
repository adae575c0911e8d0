'use client'
import { useTranslations } from 'next-intl'
import { ActForm } from '../../_ui/act'

/** A name by which its owner tells it from the others. */
export function Rename({ id, name }: { id: number; name: string }) {
  const t = useTranslations('passkeys')
  return (
    <details className="text-[13px]">
      <summary className="inline-flex h-8 cursor-pointer items-center rounded-[7px] border border-line-strong bg-surface px-2.5 font-medium hover:bg-raised">
        {t('rename')}
      </summary>
      <ActForm
        text={t('renameDo')}
        size="small"
        path={`/api/v1/passkeys/${id}/rename`}
        back="/account/passkeys"
        denied={null}
        className="mt-2 w-64 max-w-full"
      >
        <label className="block font-medium">
          {t('name')}
          <input name="name" required maxLength={60} defaultValue={name} className="field mt-1" />
        </label>
      </ActForm>
    </details>
  )
}

import Link from 'next/link'
import { useTranslations } from 'next-intl'
import type { ReactNode } from 'react'
import { size } from '../../_ui/duration'
import { environmentInText } from '../../_ui/names'
import { Section } from '../../_ui/page'
import { Commit, Digest } from '../../_ui/refs'
import type { Seen } from '../../approvals/seen'
import type { PromotionDetail } from '../shapes'

/** All that a sign-off covers. Should any of it change before it is deployed, the answers fall. */
export function Covered({ promotion, seen }: { promotion: PromotionDetail; seen: Seen }) {
  const t = useTranslations()
  const { release, tests, image, policyVersion, ask } = promotion
  const sum = (of: 'passed' | 'total') => tests.reduce((n, stage) => n + stage[of], 0)
  return (
    <Section title={t('answer.covers')} className="max-lg:order-2">
      <dl className="card divide-y divide-line text-[13px]">
        <Row name={t('word.digest')}>
          <Digest digest={release.digest} />{' '}
          <span className="text-soft">{image.bytes === null ? t('answer.noSize') : size(image.bytes)}</span>
        </Row>
        <Row name={t('word.commit')}>
          <Commit commit={release.commit} /> <span className="text-soft">{promotion.branch}</span>
        </Row>
        <Row name={t('answer.field.mergeRequests')}>
          {seen.mergeRequests.length === 0 ? (
            <span className="text-faint">{t('answer.none')}</span>
          ) : (
            <ul className="space-y-1">
              {seen.mergeRequests.map((request) => (
                <li key={request.id}>
                  <Link href={`/merge-requests/${request.id}`} className="link font-medium wrap-anywhere">
                    !{request.iid} {request.title}
                  </Link>
                  <span className="block text-soft">
                    {t('answer.requestBy', { author: request.author, merger: request.merger || '–' })}{' '}
                    {request.approvers.length === 0
                      ? t('answer.approvedByNobody')
                      : t('answer.approvedBy', { names: request.approvers.join(', ') })}
                  </span>
                </li>
              ))}
            </ul>
          )}
        </Row>
        <Row name={t('answer.field.tests')}>
          {tests.length === 0 ? (
            <span className="text-faint">{t('promotion.noTests')}</span>
          ) : (
            t('promotion.testsOf', { passed: sum('passed'), total: sum('total') })
          )}
        </Row>
        <Row name={t('answer.field.configuration')}>
          {seen.configuration.length === 0 ? (
            <span className="text-faint">{t('answer.none')}</span>
          ) : (
            <ul className="flex flex-wrap gap-x-4 gap-y-0.5">
              {seen.configuration.map(({ name, value, secret }) => (
                <li key={name}>
                  <code className="text-xs">{name}</code>{' '}
                  <span className="text-soft">{secret ? t('answer.secret') : (value ?? t('answer.noDefault'))}</span>
                </li>
              ))}
            </ul>
          )}
        </Row>
        <Row name={t('promotion.what.replicas')}>{seen.replicas ?? '–'}</Row>
        <Row name={t('answer.field.policy')}>
          {policyVersion === 0 ? t('answer.noPolicy') : t('answer.version', { version: policyVersion })}{' '}
          <Link href={`/environments/${promotion.environmentId}/policy`} className="text-accent hover:underline">
            {t('answer.seePolicy', { place: environmentInText(t, promotion.environment) })}
          </Link>
        </Row>
        {ask > 1 && <Row name={t('answer.field.promotion')}>{t('answer.askedAgain', { ask })}</Row>}
      </dl>
    </Section>
  )
}

function Row({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="grid grid-cols-[minmax(0,8.5rem)_minmax(0,1fr)] gap-x-3 px-4 py-2">
      <dt className="text-soft">{name}</dt>
      <dd className="wrap-anywhere">{children}</dd>
    </div>
  )
}

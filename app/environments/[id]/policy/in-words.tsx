import { getTranslations } from 'next-intl/server'
import type { ReactNode } from 'react'
import { EnvironmentPolicy } from '../../../../environments/environment'
import { durationText, sizeText } from '../../../../environments/policy-yaml'
import { ComesAfter } from '../../../_ui/comes-after'
import { roleName, stageName, startWords } from '../../../_ui/names'

/** A policy as sentences, for whoever does not read YAML. Nothing where it cannot be read. */
export async function InWords({ policy }: { policy: unknown }) {
  const t = await getTranslations()
  const read = EnvironmentPolicy.safeParse(policy).data
  if (read === undefined) return null
  const { approvals, freeze, limits, soak, remind } = read
  return (
    <dl className="card grid grid-cols-1 gap-y-1 px-4 py-3 text-[13px] sm:grid-cols-[auto_minmax(0,1fr)] sm:gap-x-6 sm:gap-y-2">
      <Line name={t('policy.start')}>{startWords(t, read.start)}</Line>
      <Line name={t('policy.comesAfter')}>
        <ComesAfter name={read.name} after={read.after ?? null} />
        {soak !== undefined && soak > 0 && <span> · {t('policy.soak', { time: durationText(soak) })}</span>}
      </Line>
      <Line name={t('policy.signs')}>
        {approvals.length === 0 ? (
          t('policy.nobody')
        ) : (
          <ul className="space-y-0.5">
            {approvals.map((rule, at) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: two rules may be alike, and their order is the policy's
              <li key={at}>
                {t(rule.passkey === 'required' ? 'policy.ruleWithKey' : 'policy.rule', {
                  count: rule.count,
                  role: roleName(t, rule.role),
                })}
              </li>
            ))}
          </ul>
        )}
      </Line>
      {approvals.length > 0 && (
        <Line name={t('policy.expires')}>
          {t('policy.expiresAfter', { time: durationText(read.approval_expires) })}
          {remind !== undefined && <span> · {t('policy.remind', { time: durationText(remind) })}</span>}
        </Line>
      )}
      <Line name={t('policy.freeze')}>
        {freeze.length === 0 ? (
          t('policy.never')
        ) : (
          <ul className="space-y-0.5">
            {freeze.map((f) => (
              <li key={`${f.from} ${f.to} ${f.zone} ${f.reason}`} className="wrap-anywhere">
                {t('policy.fromTo', { from: f.from, to: f.to, zone: f.zone ?? 'UTC' })}: {f.reason}
              </li>
            ))}
          </ul>
        )}
      </Line>
      <Line name={t('policy.verify')}>
        {read.verify.length === 0
          ? t('policy.verifyNothing')
          : t(read.on_verify_failed === 'rollback' ? 'policy.verifyRollback' : 'policy.verifyStay', {
              stages: read.verify.map((name) => stageName(t, name)).join(', '),
            })}
      </Line>
      <Line name={t('policy.target')}>
        <code className="wrap-anywhere">
          {read.target.kind} {read.target.host ?? ''} {read.target.address}
        </code>
      </Line>
      {(read.replicas !== undefined || limits !== undefined) && (
        <Line name={t('policy.size')}>
          {[
            read.replicas === undefined ? null : t('policy.replicas', { count: read.replicas }),
            limits?.memory === undefined ? null : t('policy.memory', { size: String(sizeText(limits.memory)) }),
            limits?.cpus === undefined ? null : t('policy.cpus', { count: limits.cpus }),
            limits?.pids === undefined ? null : t('policy.pids', { count: limits.pids }),
          ]
            .filter((part) => part !== null)
            .join(' · ')}
        </Line>
      )}
    </dl>
  )
}

function Line({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt className="text-faint max-sm:mt-1.5">{name}</dt>
      <dd className="min-w-0">{children}</dd>
    </>
  )
}

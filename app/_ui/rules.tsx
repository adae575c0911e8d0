import { Check, Hourglass } from 'lucide-react'
import { useTranslations } from 'next-intl'
import type { RuleShape } from '../promotions/shapes'
import type { PromotionShape } from '../shapes'
import { cn } from './classes'
import { roleName } from './names'
import { Time } from './time'

/** The rule matrix: who must sign, how many have, and who; then each signature with its words. */
export function Rules({ rules, approvals }: { rules: readonly RuleShape[]; approvals: PromotionShape['approvals'] }) {
  const t = useTranslations()
  return (
    <>
      <table className="w-full text-[13px]">
        <thead>
          <tr className="text-left text-xs text-faint">
            <th scope="col" className="px-4 py-2 font-normal">
              {t('promotion.rule')}
            </th>
            <th scope="col" className="px-2 py-2 font-normal">
              {t('promotion.required')}
            </th>
            <th scope="col" className="px-4 py-2 font-normal">
              {t('promotion.signedBy')}
            </th>
          </tr>
        </thead>
        <tbody className="divide-y divide-line border-t border-line">
          {rules.map((rule, at) => {
            const held = rule.by.length >= rule.count
            const Icon = held ? Check : Hourglass
            return (
              // biome-ignore lint/suspicious/noArrayIndexKey: two rules may be alike, and their order is the policy's
              <tr key={at}>
                <th scope="row" className="px-4 py-2 text-left font-medium">
                  {roleName(t, rule.role)}
                </th>
                <td className={cn('px-2 py-2 font-medium whitespace-nowrap', held ? 'text-ok' : 'text-wait')}>
                  <Icon aria-hidden="true" className="mr-1 inline size-3.5" strokeWidth={2.25} />
                  {t('promotion.ofRequired', { given: rule.by.length, count: rule.count })}
                </td>
                <td className="px-4 py-2 wrap-anywhere">
                  {rule.by.length > 0 ? (
                    rule.by.join(', ')
                  ) : (
                    <span className="text-faint">{t('promotion.nobodyYet')}</span>
                  )}
                </td>
              </tr>
            )
          })}
        </tbody>
      </table>
      {approvals.length > 0 && (
        <ul className="divide-y divide-line border-t border-line text-[13px]" aria-label={t('promotion.signed')}>
          {approvals.map((a) => (
            <li key={`${a.by} ${a.at}`} className="flex gap-2.5 px-4 py-2">
              <Check aria-hidden="true" className="mt-0.5 size-4 shrink-0 text-ok" strokeWidth={2.25} />
              <p className="min-w-0 flex-1 wrap-anywhere">
                <span className="font-medium">{a.by}</span>{' '}
                <span className="text-soft">
                  {roleName(t, a.role)} · <Time at={a.at} />
                </span>
                <span className={cn('block', a.comment ? 'text-ink' : 'text-faint')}>
                  {a.comment || t('promotion.saidNothing')}
                </span>
              </p>
            </li>
          ))}
        </ul>
      )}
      <p className="border-t border-line px-4 py-2 text-xs text-faint">{t('promotion.onePersonOneRule')}</p>
    </>
  )
}

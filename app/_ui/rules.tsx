import { Check, Hourglass, KeyRound, Minus } from 'lucide-react'
import { useTranslations } from 'next-intl'
import type { RuleShape } from '../approvals/shapes'
import { cn } from './classes'
import { roleName } from './names'

/**
 * The rule matrix: who must sign, how, how many have, and who.
 * @param open it still waits for them
 */
export function Rules({ rules, open }: { rules: readonly RuleShape[]; open: boolean }) {
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
            const Icon = held ? Check : open ? Hourglass : Minus
            return (
              // biome-ignore lint/suspicious/noArrayIndexKey: two rules may be alike, and their order is the policy's
              <tr key={at}>
                <th scope="row" className="px-4 py-2 text-left font-medium">
                  {roleName(t, rule.role)}
                  {rule.passkey && (
                    <span className="mt-0.5 flex items-center gap-1 text-xs font-normal text-soft">
                      <KeyRound aria-hidden="true" className="size-3.5" />
                      {t('answer.withPasskey')}
                    </span>
                  )}
                </th>
                <td
                  className={cn(
                    'px-2 py-2 font-medium whitespace-nowrap',
                    held ? 'text-ok' : open ? 'text-wait' : 'text-mute',
                  )}
                >
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
      <p className="border-t border-line px-4 py-2 text-xs text-faint">{t('promotion.onePersonOneRule')}</p>
    </>
  )
}

// Names that are words of Shiplock are translated; names that people gave are shown as they are.
import type { useTranslations } from 'next-intl'
import en from '../_messages/en.json'

type T = ReturnType<typeof useTranslations<never>>
const has = <O extends object>(table: O, key: string): key is string & keyof O => Object.hasOwn(table, key)

export const stageName = (t: T, name: string): string => (has(en.stage, name) ? t(`stage.${name}`) : name)
export const environmentName = (t: T, name: string): string =>
  has(en.environment, name) ? t(`environment.${name}`) : name
/** Within a sentence: a name of ours is no proper noun there. */
export const environmentInText = (t: T, name: string): string => environmentName(t, name).toLowerCase()
export const gateName = (t: T, name: string): string => (has(en.gate, name) ? t(`gate.${name}`) : name)
export const checkName = (t: T, name: string): string => (has(en.check, name) ? t(`check.${name}`) : name)
export const startWords = (t: T, name: string): string => (has(en.start, name) ? t(`start.${name}`) : name)
export type RoleName = keyof typeof en.account.role
export const roleName = (t: T, name: string): string => (has(en.account.role, name) ? t(`account.role.${name}`) : name)

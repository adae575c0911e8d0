import { cookies, headers } from 'next/headers'
import { getRequestConfig } from 'next-intl/server'
import en from '../_messages/en.json'
import zhCN from '../_messages/zh-CN.json'
import { LOCALE_COOKIE, localeFor } from './locale'

const MESSAGES = { en, 'zh-CN': zhCN }

export default getRequestConfig(async () => {
  const locale = localeFor((await cookies()).get(LOCALE_COOKIE)?.value, (await headers()).get('accept-language'))
  // Times are made on the server in UTC and made again in the reader's own zone by _ui/time.tsx.
  return { locale, messages: MESSAGES[locale], timeZone: 'UTC' }
})

import type en from '../_messages/en.json'
import type { LOCALES } from './locale'

// A key that en.json lacks does not compile.
declare module 'next-intl' {
  interface AppConfig {
    Locale: (typeof LOCALES)[number]
    Messages: typeof en
  }
}

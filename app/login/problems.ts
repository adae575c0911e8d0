// What went wrong, as the address says it (`?problem=`), and the words under `problem` that say it to people.
import type en from '../_messages/en.json'

type Words = keyof typeof en.problem

const PROBLEMS: Record<string, Words> = {
  'not.signed.in': 'not-signed-in',
  'input.invalid': 'not-signed-in',
  'too.many': 'too-many',
  'not.permitted': 'not-permitted',
  'storage.full': 'storage-full',
  'oidc-denied': 'oidc-denied',
  'oidc-expired': 'oidc-expired',
  'oidc-elsewhere': 'oidc-elsewhere',
  'oidc-untrusted': 'oidc-untrusted',
  'oidc-clock': 'oidc-clock',
  'oidc-down': 'oidc-down',
  'oidc-refused': 'oidc-refused',
  'oidc-disabled': 'oidc-disabled',
  'oidc-taken': 'oidc-taken',
  'oidc-linked': 'oidc-linked',
  'oidc-another': 'oidc-another',
  'oidc-second': 'oidc-second',
}

/** Anything can stand in an address: what we do not know has words too. */
export const problemKey = (problem: string): Words =>
  Object.hasOwn(PROBLEMS, problem) ? (PROBLEMS[problem] ?? 'other') : 'other'

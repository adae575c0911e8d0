// A version tag on the production branch: the name people know a release by.
import { machine, type Status } from './machine'

/**
 * `owed`: Shiplock makes it; `awaited`: a person does; `taken`: a person did, in time; `stray`: on no commit of the
 * production branch, so it names no release. What a tag names is never what is promoted: that is the digest.
 */
export const TAG = machine({
  owed: { claim: 'making', take: 'taken' },
  making: { make: 'made', take: 'taken', refuse: 'refused', lose: 'owed' },
  awaited: { take: 'taken' },
  refused: { retry: 'owed', take: 'taken' },
  made: { move: 'moved' },
  taken: { move: 'moved' },
  moved: { restore: 'taken' },
  stray: { take: 'taken' },
})
export type TagStatus = Status<typeof TAG>

/** A name that a hand-made version tag has: V1.0_202611211304, v1.0, 1.0.3-rc1. Linear. */
export const isVersionTag = (name: string) =>
  /^[Vv]?[0-9][0-9A-Za-z]*([._-][0-9A-Za-z]+)*$/.test(name) && name.length <= 128

// A code of health in the reader's language: its words stand under `health.because`.

import type { getTranslations } from 'next-intl/server'
import { CODES, type Code, type Params } from '../../pipelines/part'

type T = Awaited<ReturnType<typeof getTranslations<'health'>>>

const text = (value: unknown) => (typeof value === 'number' ? value : String(value ?? ''))

export function becauseOf(t: T, code: Code, params: Params): string {
  // Each code takes some of these; what it does not name is passed over.
  const values = {
    lanes: text(params.lanes),
    lane: text(params.lane),
    seconds: text(params.seconds),
    instances: text(params.instances),
    message: text(params.message),
    names: text(params.names),
    forges: text(params.forges),
    reason: text(params.because),
    folder: text(params.folder),
    free: text(params.free),
    floor: text(params.floor),
    who: text(params.who),
    file: text(params.file),
  }
  return t(`because.${code}`, values).trim()
}

export const whoActs = (t: T, code: Code): string => t(`who.${CODES[code]}`)

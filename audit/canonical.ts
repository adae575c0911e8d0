// RFC 8785: one spelling for one value, so that a hash of it means something.
import { createHash } from 'node:crypto'

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined }

/** Keys in the order of their UTF-16 code units, as RFC 8785 asks; `undefined` members are left out. Throws for NaN, Infinity and lone surrogates. */
export function canonical(value: Json): string {
  if (Array.isArray(value)) return `[${value.map((v: Json) => canonical(v)).join(',')}]`
  if (value !== null && typeof value === 'object') {
    const members = Object.entries(value as Record<string, Json | undefined>).filter(([, v]) => v !== undefined)
    members.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    return `{${members.map(([k, v]) => `${canonical(k)}:${canonical(v as Json)}`).join(',')}}`
  }
  if (typeof value === 'number' && !Number.isFinite(value)) throw new Error(`${value} cannot be written as JSON`)
  if (typeof value === 'string' && /[\ud800-\udfff]/.test(value.replaceAll(/[\ud800-\udbff][\udc00-\udfff]/g, '')))
    throw new Error('a text with half a character cannot be written as JSON')
  return JSON.stringify(value)
}

/** SHA-256, hex. */
export const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/** SHA-256 of the canonical form, hex. */
export const hashOf = (value: Json) => sha256(canonical(value))

// RFC 8785: one spelling for one value, so that a hash of it means something.
import { createHash } from 'node:crypto'

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined }

/** A value that has no canonical form: what others wrote into the record may be such. */
export class Unwritable extends Error {}

/** Far above anything of ours, and far below what a stack holds. */
const MOST_DEEP = 1_000

/**
 * Keys in the order of their UTF-16 code units, as RFC 8785 asks; `undefined` members are left out.
 * @throws Unwritable for NaN, Infinity, lone surrogates, and what is nested more than a thousand times
 */
export const canonical = (value: Json): string => written(value, 0)

function written(value: Json, depth: number): string {
  if (depth > MOST_DEEP) throw new Unwritable(`what is nested ${MOST_DEEP} times and more cannot be written as JSON`)
  if (Array.isArray(value)) return `[${value.map((v: Json) => written(v, depth + 1)).join(',')}]`
  if (value !== null && typeof value === 'object') {
    const members = Object.entries(value as Record<string, Json | undefined>).filter(([, v]) => v !== undefined)
    members.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    return `{${members.map(([k, v]) => `${written(k, depth)}:${written(v as Json, depth + 1)}`).join(',')}}`
  }
  if (typeof value === 'number' && !Number.isFinite(value)) throw new Unwritable(`${value} cannot be written as JSON`)
  if (typeof value === 'string' && /[\ud800-\udfff]/.test(value.replaceAll(/[\ud800-\udbff][\udc00-\udfff]/g, '')))
    throw new Unwritable('a text with half a character cannot be written as JSON')
  return JSON.stringify(value)
}

/** SHA-256, hex. */
export const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/** SHA-256 of the canonical form, hex. */
export const hashOf = (value: Json) => sha256(canonical(value))

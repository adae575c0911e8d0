import type { Trust } from '../../audit/trust'
import type { RecordHandle } from '../../prisma/client'
import type { Health } from './health'

// The server and Next load two copies of every module, so what the process has one of hangs on globalThis.
const KEY = Symbol.for('shiplock.record')
const TRUST = Symbol.for('shiplock.trust')
const HEALTH = Symbol.for('shiplock.health')
const held = globalThis as { [KEY]?: RecordHandle; [TRUST]?: Trust; [HEALTH]?: Health }

/** The composition root hands over the open record, once. */
export const holdRecord = (record: RecordHandle | undefined) => {
  held[KEY] = record
}

/** The process-wide record, for pages. Throws where the page is rendered outside of Shiplock's own server. */
export function theRecord(): RecordHandle {
  const record = held[KEY]
  if (!record)
    throw new Error('no open record: pages are served by `npm start` (app/_server/main.ts), not by `next start`')
  return record
}

/** The composition root hands over what sign-offs and passkeys are checked with, once. */
export const holdTrust = (trust: Trust | undefined) => {
  held[TRUST] = trust
}

/** The same, for pages. Throws where the page is rendered outside of Shiplock's own server. */
export function theTrust(): Trust {
  const trust = held[TRUST]
  if (!trust) throw new Error('no trust: pages are served by `npm start` (app/_server/main.ts), not by `next start`')
  return trust
}

/** The composition root sets the source of health, once. */
export const holdHealth = (health: Health | undefined) => {
  held[HEALTH] = health
}

/** The same, for pages. */
export function theHealth(): Health {
  const health = held[HEALTH]
  if (!health) throw new Error('no health: pages are served by `npm start` (app/_server/main.ts), not by `next start`')
  return health
}

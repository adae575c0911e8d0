import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { readMemory, writeMemory } from '../audit/keys'

/** Has this worker's folder ever been written to? Where not, this version was installed a moment ago. */
export const hasMemory = (trail: string): boolean => existsSync(join(trail, 'memory.json'))

/**
 * Keeps outside the database which versions of policies were agreed to, so that a database that is put back is seen. Called
 * after the commit: a crash before it leaves a memory that is older than the record, and that locks nobody out.
 */
export function rememberAgreed(trail: string, agreed: Readonly<Record<number, number>>): void {
  const memory = readMemory(trail)
  for (const [environmentId, version] of Object.entries(agreed))
    memory.agreed[environmentId] = Math.max(version, memory.agreed[environmentId] ?? 0)
  writeMemory(trail, memory)
}

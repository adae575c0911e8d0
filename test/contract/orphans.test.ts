// Which of an engine's containers nobody stands behind: the sweep's query, against the real record.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Context } from '../../pipelines/context'
import { openRecord, type RecordHandle } from '../../prisma/client'
import { sweepOrphans } from '../../worker/orphans'
import { freshDatabase } from '../database'

type Found = Awaited<ReturnType<Context['engine']['list']>>[number]

describe('the sweep of orphans', () => {
  let record: RecordHandle
  let drop: () => Promise<void>

  beforeAll(async () => {
    const database = await freshDatabase()
    record = openRecord(database.url)
    drop = () => database.drop()
    const client = await record.pool.connect()
    try {
      // Stages alone: what they belong to is of no interest here.
      await client.query(`SET session_replication_role = 'replica'`)
      await client.query(
        `INSERT INTO "Stage" ("runId", "promotionId", round, name, position, status, definition, epoch) VALUES
          (7, NULL, 0, 'unit', 1, 'running', '{}', 2),
          (7, NULL, 0, 'functional', 2, 'succeeded', '{}', 1),
          (7, 12, 3, 'functional', 1, 'running', '{}', 1),
          (7, 13, 1, 'functional', 1, 'canceled', '{}', 1)`,
      )
    } finally {
      client.release(true)
    }
  })
  afterAll(async () => {
    await record.close()
    await drop()
  })

  it('leaves what a running stage of a run or of a promotion stands behind, and removes the rest', async () => {
    const mine = (id: string, stage: string, epoch: number, run = 7): Found => ({ id, run, stage, epoch })
    const there = [
      mine('step of unit', 'unit', 2),
      mine('its service', 'unit', 2),
      mine('its network', 'unit', 2),
      mine('verification of 12', 'p12.3-functional', 1),
      mine('a lost attempt of unit', 'unit', 1),
      mine('an earlier round of 12', 'p12.2-functional', 1),
      mine("the run's own functional, ended", 'functional', 1),
      mine('verification of 13, canceled', 'p13.1-functional', 1),
      mine('a service of a run that is gone', 'unit', 2, 8),
    ]
    const removed: string[] = []
    const engine = { list: async () => there, remove: async (id: string) => void removed.push(id) }
    const context = { record, instance: 'main', engine } as unknown as Context
    expect(await sweepOrphans(context)).toBe(5)
    expect(removed).toEqual(there.slice(4).map(({ id }) => id))
  })
})

import { Fault } from '../../pipelines/fault'
import { STAGE_NAMES } from '../../pipelines/run'
import type { RecordHandle } from '../../prisma/client'
import { isId } from '../paging'

/** A stage as people name it: of a run, or of the verification of a promotion. */
export type StageOf = { run: number; stage: string } | { promotion: number; stage: string }

const OF_RUN = `SELECT id FROM "Stage" WHERE "runId" = $1 AND "promotionId" IS NULL AND name = $2`
// A promotion that is tried again verifies anew: the last round is what counts.
const OF_PROMOTION = `SELECT id FROM "Stage" WHERE "promotionId" = $1 AND name = $2 ORDER BY round DESC LIMIT 1`

/** Its id; a promotion's is that of the latest round. Throws not.found. */
export async function stageId(record: RecordHandle, of: StageOf): Promise<number> {
  const [sql, what, id] = 'run' in of ? [OF_RUN, 'run', of.run] : [OF_PROMOTION, 'promotion', of.promotion]
  const { rows } = await record.pool.query<{ id: number }>(sql, [isId(id) ? id : 0, of.stage])
  if (rows[0]) return rows[0].id
  const name = (STAGE_NAMES as readonly string[]).includes(of.stage) ? of.stage : JSON.stringify(of.stage.slice(0, 40))
  throw new Fault('not.found', `there is no stage ${name} in ${what} #${id}`)
}

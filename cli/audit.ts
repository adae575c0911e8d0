// shiplock audit …: takes the trail away, renews its key, and forgets what somebody is called.
import { exportTrail } from '../audit/export'
import { forgetName } from '../audit/forget'
import { folderBox, packed, zipBox } from '../audit/packing'
import { rotateTrailKey } from '../audit/rotate'
import { tell, transaction } from '../prisma/record'
import { aboutOf, keysDir, withRecord } from './opened'

/** Whoever may run commands on the machine. */
const OPERATOR = { actor: 'shiplock', actorName: 'Shiplock command' }

/** @param to a folder that is not there yet, or a file whose name ends in .zip */
export async function exportTo(to: string, env: NodeJS.ProcessEnv): Promise<string> {
  const { size, signoffs } = await withRecord(env, async (record) => {
    const about = await aboutOf(env, record)
    const box = to.endsWith('.zip') ? await zipBox(to) : await folderBox(to)
    const made = await packed(box, (pack) => exportTrail(record.pool, about, pack))
    await transaction(record, (tx) =>
      tell(tx, {
        kind: 'trail.export',
        subject: 'installation',
        subjectId: 1,
        by: OPERATOR,
        data: { size: made.size },
      }),
    )
    return made
  })
  return `${to}: ${size} entries and ${signoffs} sign-offs. Check it with: shiplock audit verify ${to}`
}

export async function rotateKey(env: NodeJS.ProcessEnv): Promise<string> {
  const { publicKey, from, finished } = await withRecord(env, (record) =>
    rotateTrailKey(record.pool, keysDir(env), OPERATOR),
  )
  const what = finished ? 'A rotation that was cut off is finished' : 'The trail has a new key'
  return `${what}: ${publicKey} signs from size ${from} on. Keep a copy of it where Shiplock cannot reach.`
}

/** @param actor as the trail names them: account:3 */
export async function forget(actor: string, env: NodeJS.ProcessEnv): Promise<string> {
  const entries = await withRecord(env, async (record) => {
    const emptied = await forgetName(record.pool, actor)
    await transaction(record, (tx) =>
      tell(tx, { kind: 'trail.forget', subject: 'installation', subjectId: 1, by: OPERATOR, data: { actor } }),
    )
    return emptied
  })
  return `${actor} has no name any more in ${entries} entries. Their bytes hold a commitment only, so every proof holds.`
}

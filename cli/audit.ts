// shiplock audit …: takes the trail away, renews its key, and forgets what somebody is called.
import { join } from 'node:path'
import { acceptDatabase, type Doubt, doubtOf } from '../audit/accept'
import { exportTrail } from '../audit/export'
import { forgetName } from '../audit/forget'
import { openTrust } from '../audit/keys'
import { folderBox, packed, zipBox } from '../audit/packing'
import { rotateTrailKey } from '../audit/rotate'
import { stateDir } from '../prisma/postgres'
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

/**
 * Shows what differs between the database that was signed and the one that is there; with a reason it is accepted, on this
 * machine, whose worker remembers the other one.
 */
export async function acceptRestore(because: string | undefined, env: NodeJS.ProcessEnv): Promise<string> {
  const dir = join(stateDir(env), 'trail')
  const reason = because?.trim().slice(0, 2000)
  if (reason === '') throw new Error('--because needs a reason: it stands in the trail, and an auditor reads it')
  return withRecord(env, async (record) => {
    const { origin } = await aboutOf(env, record)
    if (reason === undefined) {
      const doubt = await doubtOf(record.pool, dir, origin)
      return doubt === null
        ? NOTHING
        : `${inWords(doubt)}\nTo accept it: npm run shiplock -- audit accept-restore --because REASON`
    }
    const trust = openTrust(keysDir(env), null, origin, () => '')
    const accepted = await acceptDatabase(record.pool, { dir, trust, by: OPERATOR, because: reason })
    if ('gone' in accepted)
      return accepted.gone.length === 0
        ? NOTHING
        : `${NOTHING} Workers that are gone had said otherwise (${accepted.gone.join(', ')}): that is taken back, and recorded.`
    return `${inWords(accepted)}\nAccepted, and recorded in the trail. What was remembered of the other database is kept in ${accepted.folder}.\nWorkers look again within half a minute; then health is ok, and what waits goes on.`
  })
}

const NOTHING = 'There is nothing to accept: the database continues what was signed here.'

function inWords({ because, difference: d }: Doubt): string {
  const side = (s: { tag: string | null; promotion: number | null; policyVersion: number } | null) =>
    s === null
      ? 'it is not there'
      : `${s.tag === null ? 'nothing' : `${s.tag} (promotion #${s.promotion})`}, policy version ${s.policyVersion}`
  return [
    `The database is not the one that was signed: ${because}.`,
    `  signed here: ${d.signed} entries; the database had ${d.has} when that was noticed, and has ${d.hasNow ?? d.has} now.`,
    d.common === null
      ? '  No signed head that is remembered here is in this database.'
      : `  Both have the head over ${d.common.size} entries, signed at ${d.common.at}; what came later differs.`,
    d.knownAt === null ? '  Nothing more was kept of the other one.' : `  The other one, as last kept at ${d.knownAt}:`,
    ...d.newest.map(({ what, known, now }) => `  newest of ${what}: #${known} was known, #${now} is there`),
    ...d.environments.map(
      ({ project, name, known, now }) => `  ${project} ${name}: was ${side(known)}; is ${side(now)}`,
    ),
    ...(d.more > 0 ? [`  and ${d.more} more environments`] : []),
  ].join('\n')
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

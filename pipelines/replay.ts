import { randomUUID } from 'node:crypto'
import type { RecordHandle } from '../prisma/client'
import { type Actor, tell } from '../prisma/record'
import { acceptDelivery } from './accept'
import { Fault } from './fault'
import { INTAKES } from './forges/intake'
import { flowOf } from './gitflow'
import type { Accepted } from './inbox'

/**
 * Has a stored delivery judged again, by the flow as it is now, as a delivery of its own. A push that was carried before
 * makes a new run, which gives way where the same commit is being carried or has succeeded.
 * @throws Fault not.found; conflict where its body is no longer kept
 */
export async function replayDelivery(handle: RecordHandle, deliveryId: number, by: Actor): Promise<Accepted> {
  const row = await handle.db.delivery.findUnique({
    where: { id: deliveryId },
    select: {
      event: true,
      body: true,
      bytes: true,
      project: { select: { id: true, name: true, forge: true, forgeProjectId: true, flow: true } },
    },
  })
  if (row === null) throw new Fault('not.found', `there is no delivery #${deliveryId}`)
  const { project } = row
  const intake = INTAKES[project.forge]
  if (intake === undefined) throw new Fault('input.invalid', `there is no forge called ${project.forge}`)
  if (row.body.length === 0 && row.bytes > 0)
    throw new Fault(
      'conflict',
      'the body of this delivery is no longer kept: push again, or wait for the next look at the branches',
    )
  const body = Buffer.from(row.body)
  const key = `replay:${deliveryId}:${randomUUID()}`
  const accepted = await acceptDelivery(handle, {
    owner: {
      id: project.id,
      name: project.name,
      forgeProjectId: project.forgeProjectId,
      flow: flowOf(project.flow),
    },
    key,
    event: row.event,
    body,
    parsed: intake.parse(intake.headersOf(row.event), body),
    replayOf: deliveryId,
  })
  await tell(handle.pool, {
    kind: 'delivery.replay',
    subject: 'delivery',
    subjectId: deliveryId,
    projectId: project.id,
    runId: accepted.run,
    by,
    because: `${accepted.decision}: ${accepted.because}`,
    data: { delivery: accepted.delivery },
  })
  return accepted
}

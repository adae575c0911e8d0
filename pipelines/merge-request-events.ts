// Webhooks about merge requests. An event is a hint: it makes the request due, and a worker reads the truth from the forge.
import type { RecordHandle } from '../prisma/client'
import { tell, transaction } from '../prisma/record'
import { type Delivery, storable, storeDelivery } from './delivery'
import type { ForgeEvent } from './forges/forge'
import type { Accepted } from './inbox'
import { firstLine } from './title'
import { dueMergeRequest } from './touch-merge-requests'

export { acceptTagEvent } from './tag-events'

const MAX_IID = 2 ** 31 - 1

/**
 * Stores the delivery and has the merge request read again; both or neither. That the payload is of this project was
 * looked at before.
 */
export async function acceptMergeRequestEvent(
  handle: RecordHandle,
  delivery: Delivery,
  event: Extract<ForgeEvent, { kind: 'merge-request' }>,
): Promise<Accepted> {
  return transaction(handle, (tx) =>
    storeDelivery(tx, delivery, async () => {
      if (!Number.isInteger(event.iid) || event.iid < 1 || event.iid > MAX_IID)
        return { decision: 'ignored', because: 'the payload names no merge request' }
      const { id, isNew } = await dueMergeRequest(tx, delivery.owner.id, event.iid, event)
      const action = firstLine(event.action, 60) || 'news'
      await tell(tx, {
        kind: isNew ? 'mergeRequest.seen' : 'mergeRequest.news',
        subject: 'mergeRequest',
        subjectId: id,
        projectId: delivery.owner.id,
        by: { actor: storable(`forge:${event.actorId}`), actorName: firstLine(event.actorName, 100) },
        because: `the forge says: ${action}`,
        data: { name: `!${event.iid}` },
      })
      return { decision: 'accepted', because: `${action} of merge request !${event.iid}`, mergeRequest: id }
    }),
  )
}

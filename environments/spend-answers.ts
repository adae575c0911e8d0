import { type Actor, record, type Tx } from '../prisma/record'
import { APPROVAL } from './approval'
import type { Facts } from './gate'

/** Answers that fell are told with the reason, so that whoever gave them can look again. @returns how many fell just now */
export async function voidFallen(tx: Tx, facts: Pick<Facts, 'unsound'>, by: Actor): Promise<number> {
  let fallen = 0
  for (const { id, status, because } of facts.unsound)
    if (
      status === 'given' &&
      (await record(tx, 'approval', APPROVAL, { id, from: 'given', event: 'void', because, by })) !== null
    )
      fallen++
  return fallen
}

/** The answers that opened the gates are used up by this very deployment: nothing else can ever go with them. */
export async function spendAnswers(tx: Tx, facts: Pick<Facts, 'votes'>, epoch: number, by: Actor) {
  for (const { id } of facts.votes)
    await record(tx, 'approval', APPROVAL, { id, from: 'given', event: 'use', set: { consumedEpoch: epoch }, by })
}

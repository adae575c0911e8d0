import { lossOf } from './database-loss'
import { Outage } from './outage'

/**
 * Does `work`, and does it again for as long as the database cannot be reached, with growing pauses: it must be safe to repeat.
 * Every other error is thrown at once: a wrong address or password does not become right by waiting.
 */
export async function untilReachable<T>(work: () => Promise<T>, outage = new Outage('The database')): Promise<T> {
  for (;;) {
    try {
      const answer = await work()
      outage.back()
      return answer
    } catch (error) {
      if (lossOf(error) === null) throw error
      outage.lost(error)
      await outage.pause()
    }
  }
}

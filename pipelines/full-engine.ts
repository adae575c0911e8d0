import { Fault } from './fault'

/** What to throw in place of an engine's refusal to make one more network: later there may be room. Null: it refused something else. */
export function fullEngine(error: unknown): Fault | null {
  if (!(error instanceof Fault) || !/address pool/.test(error.message)) return null
  // An engine's own settings hold about thirty.
  const advice = 'remove unused networks (docker network prune), or widen default-address-pools in its settings'
  return new Fault('too.many', `The engine has no addresses left for one more network: ${advice}`, { cause: error })
}

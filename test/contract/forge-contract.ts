// What the suites of the forges' contract share: a standing forge per kind, and the Fault that a call ends with.
import { afterAll, afterEach, beforeAll, describe, expect, vi } from 'vitest'
import { type Fault, isFault } from '../../pipelines/fault'
import type { Forge, ForgeEvent, ForgeIntake } from '../../pipelines/forges/forge'
import { INTAKES } from '../../pipelines/forges/intake'
import type { Person, StandingForge, Traits } from './given-forge'
import { GIVEN_FORGES } from './given-forges'

export const SECRETS = { token: 'token-of-the-webhook', signingKey: Buffer.from([...Array(32).keys()]) }
export const ZEROS = '0'.repeat(40)

/** The Fault that a call ends with; the tokens are not in it. */
export async function faultOf(work: Promise<unknown>, ...tokens: string[]): Promise<Fault> {
  const error = await work.then(
    () => expect.fail('it went well'),
    (caught: unknown) => caught,
  )
  if (!isFault(error)) throw error
  for (const token of tokens) expect(`${error.stack}${JSON.stringify(error)}`).not.toContain(token)
  return error
}

export interface There {
  /** Stands while the tests of the file run. */
  readonly forge: StandingForge
  readonly traits: Traits
  readonly intake: ForgeIntake
  as(person: Pick<Person, 'token'>, deadlineMs?: number): Forge
  /** What the next delivery says. Earlier ones are forgotten before `act`. */
  eventOf(act: () => Promise<unknown>, isIt?: (event: ForgeEvent) => boolean): Promise<ForgeEvent>
}

/** One suite for every kind of forge. */
export function describeForges(tests: (there: There) => void): void {
  describe.each(GIVEN_FORGES.map((given) => [given.name, given] as const))('%s', (name, given) => {
    let forge: StandingForge | undefined
    const intake = INTAKES[name] ?? expect.fail('no intake')
    const standing = () => forge ?? expect.fail('the forge does not stand yet')
    beforeAll(async () => {
      forge = await given.start()
    })
    afterEach(() => standing().fallIll(null))
    afterAll(() => forge?.close())
    tests({
      get forge() {
        return standing()
      },
      traits: given.traits,
      intake,
      as: ({ token }, deadlineMs = 10_000) => standing().forge(token, { deadlineMs }),
      eventOf: async (act, isIt = () => true) => {
        const { deliveries } = standing()
        deliveries.length = 0
        await act()
        const heard = () => deliveries.map(({ headers, body }) => intake.parse(headers, body)).find(isIt)
        await vi.waitFor(() => expect(heard()).toBeDefined(), { timeout: 10_000, interval: 20 })
        return heard() ?? expect.fail('nothing came')
      },
    })
  })
}

import { describe, expect, it } from 'vitest'
import { mayUse, type Origin, TRUST_CLASSES, trustOf, usableBy } from '../../pipelines/trust'

const origins: Origin[] = ['i1', 'i2'].flatMap((instance) =>
  [1, 2].flatMap((project) => TRUST_CLASSES.map((trust) => ({ instance, project, trust }))),
)

describe('trust classes', () => {
  it('C2: nothing of a lower class, another project or another installation is used, over all pairs', () => {
    for (const user of origins)
      for (const made of origins) {
        const same = user.instance === made.instance && user.project === made.project
        const low = TRUST_CLASSES.indexOf(made.trust) < TRUST_CLASSES.indexOf(user.trust)
        expect(mayUse(user, made), JSON.stringify({ user, made })).toBe(same && !low)
      }
  })
  it('names for a query exactly the classes that may be used', () => {
    for (const trust of TRUST_CLASSES)
      expect(usableBy(trust)).toEqual(
        TRUST_CLASSES.filter((t) =>
          mayUse({ instance: 'i', project: 1, trust }, { instance: 'i', project: 1, trust: t }),
        ),
      )
  })
  it('ranks release, hotfix and master alike, and what the flow does not know like a fork', () => {
    expect(
      ['fork', 'other', 'feature', 'develop', 'release', 'hotfix', 'master'].map((k) => trustOf(k as 'fork')),
    ).toEqual(['fork', 'fork', 'feature', 'develop', 'release', 'release', 'release'])
  })
})

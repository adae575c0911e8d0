import { describe, expect, it } from 'vitest'
import { NEXT_LOOK_MS, SOON_MS } from '../../environments/observed'
import { HOLDS_AFTER_MS, type Kept, steadied } from '../../environments/steady'
import type { Observation } from '../../environments/targets/target'

const BEGAN = Date.parse('2026-11-29T12:00:00.000Z')
const at = (s: number) => new Date(BEGAN + s * 1000)

function seen(startedAt: string, restarts: number, over: Partial<Observation> = {}): Observation {
  const replica = { id: 'i', name: 'r1', digest: 'd', running: true, url: 'http://h:1', startedAt, restarts }
  return {
    set: { promotion: 1, epoch: 1 },
    starting: [],
    left: 0,
    earlier: null,
    digest: 'd',
    health: 'healthy',
    because: 'the replica answers on /healthz',
    url: 'http://h:1',
    inside: null,
    replicas: [replica],
    ...over,
  }
}
const keep = (looked: Observation): Kept[] => looked.replicas

describe('A1: a replica that ends and is started again', () => {
  const first = steadied(seen('a', 0), [], at(0))

  it('is healthy while it runs on', () => {
    expect(first).toMatchObject({ health: 'healthy', againMs: null })
    expect(steadied(seen('a', 0), keep(first), at(60))).toMatchObject({ health: 'healthy', againMs: null })
  })

  it('is not healthy at a look that finds it started again, well though it answers; the next look is soon', () => {
    const looked = steadied(seen('b', 7), keep(first), at(60))
    expect(looked).toMatchObject({ health: 'unhealthy', url: 'http://h:1', againMs: SOON_MS })
    expect(looked.because).toMatch(/^r1 ended and was started again by its engine 7 times since 2026-11-29T12:01:00/)
  })

  it('counts on, and is healthy again once it has held', () => {
    const one = steadied(seen('b', 7), keep(first), at(60))
    const two = steadied(seen('b', 7), keep(one), at(63))
    expect(two).toMatchObject({ health: 'unhealthy', againMs: 57_000 })
    const three = steadied(seen('c', 9), keep(two), at(120))
    expect(three.because).toContain('9 times since 2026-11-29T12:01:00')
    const held = steadied(seen('c', 9), keep(three), new Date(at(120).getTime() + HOLDS_AFTER_MS))
    expect(held).toMatchObject({ health: 'healthy', againMs: null })
    expect(held.replicas[0]?.crashes).toBeNull()
  })

  it('says both where it does not answer either', () => {
    const dead = seen('b', 2, { health: 'unhealthy', because: '0 of 1 replica healthy', url: null })
    const looked = steadied(dead, keep(first), at(60))
    expect(looked.because).toMatch(/^0 of 1 replica healthy; r1 ended and was started again by its engine 2 times/)
    expect(looked.url).toBeNull()
  })

  it('is no crash where a person started it: the engine counts from none then', () => {
    const crashing = steadied(seen('b', 7), keep(first), at(60))
    expect(steadied(seen('z', 0), keep(first), at(60))).toMatchObject({ health: 'healthy', againMs: null })
    expect(steadied(seen('z', 0), keep(crashing), at(70))).toMatchObject({ health: 'healthy' })
    // Started by a person, and ended again since.
    expect(steadied(seen('z', 2), keep(crashing), at(70)).because).toContain('9 times')
  })

  it('is told by its start alone after a look of an earlier version, which kept no count', () => {
    const kept = [{ name: 'r1', startedAt: 'a' }]
    expect(steadied(seen('a', 0), kept, at(60)).health).toBe('healthy')
    expect(steadied(seen('b', 3), kept, at(60)).health).toBe('unhealthy')
  })

  it('is looked at within a minute, whatever the clocks say', () => {
    const far = [{ ...keep(first)[0], crashes: { count: 1, since: 'x', last: at(9_000).toISOString() }, restarts: 1 }]
    expect(steadied(seen('a', 1), far as Kept[], at(0)).againMs).toBe(NEXT_LOOK_MS)
  })
})

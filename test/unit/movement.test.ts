import { describe, expect, it } from 'vitest'
import { Movement } from '../../worker/movement'

describe('whether work moves', () => {
  const given = () => {
    const clock = { now: 0 }
    const movement = new Movement({ quick: 2, stages: 1, deploys: 1, forge: 1 }, () => clock.now)
    return { clock, movement }
  }

  it('J9: a queue that is late with its answer works while it hands out work', () => {
    const { clock, movement } = given()
    expect(movement.moves()).toBe(false) // nothing was begun yet
    movement.began('quick')
    clock.now = 3_000
    expect(movement.moves()).toBe(true)
    clock.now = 5_000
    expect(movement.moves()).toBe(false)
  })

  it('J9: what is due for half a minute beside a free place is stuck; behind long work it waits', () => {
    const { clock, movement } = given()
    movement.began('stages')
    movement.swept([
      { lane: 'quick', key: 'plan-1' },
      { lane: 'stages', key: 'execute-1' },
    ])
    clock.now = 31_000
    expect(movement.stuck()).toEqual([{ lane: 'quick', seconds: 31 }])
  })
})

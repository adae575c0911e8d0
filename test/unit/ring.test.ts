import { describe, expect, it } from 'vitest'
import { parseRing } from '../../app/_server/events'

describe('a ring', () => {
  it.each([
    ['run:12:queued', { subject: 'run', id: 12 }],
    ['log:7', { subject: 'log', id: 7 }],
    ['mergeRequest:3:opened:1:10', { subject: 'mergeRequest', id: 3 }],
    ['backMerge:3:owed:1:10', { subject: 'backMerge', id: 3 }],
  ])('%s is heard', (payload, ring) => {
    expect(parseRing(payload)).toEqual(ring)
  })

  it.each(['', 'run', 'run:x', '1:2', 'run:12x'])('%j is not', (payload) => {
    expect(parseRing(payload)).toBeNull()
  })
})

import { describe, expect, it } from 'vitest'
import { hearing, MOST_RINGS } from '../../worker/hear'

/** A worker that hears, and whose rings are on their way until they are let through. */
function ear() {
  const rung: string[] = []
  const looked: number[] = []
  const claims: string[] = []
  let reports = 0
  let waiting: (() => void)[] = []
  const onTheWay = () => new Promise<void>((arrived) => waiting.push(arrived))
  const hear = hearing({
    ring: (job, id, epoch, priority) => {
      rung.push(`${job} ${id} ${epoch} ${priority}`)
      return onTheWay()
    },
    lookAgain: (project) => {
      looked.push(project)
      return onTheWay()
    },
    claim: (subject, id, status) => void claims.push(`${subject} ${id} ${status}`),
    reportSoon: () => void reports++,
  })
  const arrive = async () => {
    for (const arrived of waiting) arrived()
    waiting = []
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { hear, rung, looked, claims, arrive, reports: () => reports, waiting: () => waiting.length }
}

describe('a notification', () => {
  it('rings the jobs that it makes due, with its epoch and priority', () => {
    const { hear, rung, claims, reports } = ear()
    hear('run:7:succeeded:2:-10')
    hear('promotion:8:waiting')
    expect(rung).toEqual(['cut 7 2 -10', 'onward 7 2 -10', 'review 8 0 10'])
    expect(claims).toEqual(['run 7 succeeded', 'promotion 8 waiting'])
    expect(reports()).toBe(1)
  })

  it.each([
    '',
    ':::::',
    'run',
    'run:0:queued',
    'run:-1:queued',
    'run:1e3:queued',
    'run:0x10:queued',
    'run:99999999999:queued',
    'constructor:1:prototype',
  ])('D3: that says nothing rings nothing: %j', (payload) => {
    const { hear, rung, looked } = ear()
    hear(payload)
    expect([rung, looked]).toEqual([[], []])
  })

  it('D3: of the same row is one while its ring is on its way, and rings again afterwards', async () => {
    const { hear, rung, arrive } = ear()
    for (let times = 0; times < 1000; times++) hear(`run:7:queued:${times}:10`)
    expect(rung).toEqual(['plan 7 0 10'])
    await arrive()
    hear('run:7:queued:3:10')
    expect(rung).toEqual(['plan 7 0 10', 'plan 7 3 10'])
  })

  it('D3: hundreds of thousands at once are some hundred rings, and the next is heard as before', async () => {
    const { hear, rung, arrive, waiting } = ear()
    for (let id = 1; id <= 300_000; id++) hear(`run:${id}:queued:0:-10`)
    expect([rung.length, waiting()]).toEqual([MOST_RINGS, MOST_RINGS])
    await arrive()
    hear('run:300001:queued')
    expect(rung.at(-1)).toBe('plan 300001 0 10')
  })

  it('D3: of missed webhooks makes few projects due at a time, and others are rung all the same', async () => {
    const { hear, rung, looked, arrive } = ear()
    for (let id = 1; id <= 10_000; id++) for (let times = 0; times < 3; times++) hear(`project:${id}:missed`)
    expect(looked.length).toBeLessThan(50)
    hear('run:1:queued')
    expect(rung).toEqual(['plan 1 0 10'])
    await arrive()
    hear('project:10001:missed')
    expect(looked.at(-1)).toBe(10_001)
  })
})

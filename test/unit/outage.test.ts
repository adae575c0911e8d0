import { describe, expect, it } from 'vitest'
import { Fault, faultOf, isBug } from '../../pipelines/fault'
import { MAX_ATTEMPTS, retryAfter } from '../../pipelines/retry'
import { lossOf, whyWrongAddress } from '../../prisma/database-loss'
import { Outage } from '../../prisma/outage'
import { pauseMs } from '../../prisma/pause'
import { untilReachable } from '../../prisma/until-reachable'
import { roomFor, shareOf } from '../../worker/connections'
import { Reachable } from '../../worker/reachable'

const coded = (code: string, message = code, more: object = {}) => Object.assign(new Error(message), { code, ...more })

describe('J1: what an error says about the database', () => {
  it.each([
    ['a server that was killed', coded('57P01', 'terminating connection due to administrator command')],
    ['one that recovers', coded('57P03', 'the database system is in recovery mode')],
    ['no socket file', coded('ENOENT', 'connect ENOENT /run/x/.s.PGSQL.5432', { syscall: 'connect' })],
    [
      'no socket file, as Prisma tells it',
      coded('ENOENT', 'Invalid `findMany()`\n→ 24 x\nconnect ENOENT /x/.s.PGSQL.5432'),
    ],
    ['refused by both addresses of a name', Object.assign(new AggregateError([coded('ECONNREFUSED')], ''), {})],
    ['no name server', coded('EAI_AGAIN')],
    [
      'a client that has lost its connection',
      new Error('Client has encountered a connection error and is not queryable'),
    ],
    ['a cause of a cause', new Error('could not', { cause: new Error('so', { cause: coded('ECONNRESET') }) })],
    [
      'Prisma’s own words',
      coded('P2039', 'Database error', { meta: { driverAdapterError: { cause: { originalCode: '57P01' } } } }),
    ],
    ['a class of PostgreSQL', coded('08006')],
    ['a standby that was the primary', coded('25006', 'cannot execute UPDATE in a read-only transaction')],
    ['no answer in time', new Error('Query read timeout')],
  ])('%s: unreachable', (_what, error) => {
    expect(lossOf(error)).toBe('database.unreachable')
    expect(isBug(error)).toBe(false)
  })

  it.each([
    ['a full server', coded('53300', 'sorry, too many clients already')],
    ['a full server, as Prisma tells it', coded('P2037', 'Too many database connections opened')],
    ['a pool that is taken', new Error('timeout exceeded when trying to connect')],
  ])('J8: %s: busy', (_what, error) => {
    expect(lossOf(error)).toBe('database.busy')
    expect(faultOf(error)).toMatchObject({ code: 'database.busy', retryAfterMs: 5_000 })
  })

  it.each([
    ['a forge that cannot be reached', new Fault('forge.unreachable', 'x', { cause: coded('ECONNREFUSED') })],
    ['a file that is missing', coded('ENOENT', "ENOENT: no such file or directory, open '/x/y'", { syscall: 'open' })],
    ['a unique constraint', coded('23505')],
    ['a wrong password', coded('28P01', 'password authentication failed for user "x"')],
    ['a database that does not exist', coded('3D000')],
    ['nothing', undefined],
    [
      'an error that is its own cause',
      (() => {
        const e = new Error('x')
        e.cause = e
        return e
      })(),
    ],
  ])('%s: nothing', (_what, error) => {
    expect(lossOf(error)).toBeNull()
  })

  it('J1: what the database did to it uses up no attempt, and is tried again for as long as it takes', () => {
    expect(retryAfter(coded('57P01'), MAX_ATTEMPTS)).toMatchObject({
      again: true,
      attempts: MAX_ATTEMPTS - 1,
      waitMs: 2_000,
    })
    expect(retryAfter(new Fault('engine.unreachable', 'x'), MAX_ATTEMPTS)).toMatchObject({
      again: false,
      attempts: MAX_ATTEMPTS,
    })
    expect(retryAfter(new Error('a bug'), 1)).toMatchObject({ again: false, attempts: MAX_ATTEMPTS })
  })
})

describe('J1: an address that is wrong', () => {
  it.each([
    [coded('28P01', 'password authentication failed for user "x"'), /DATABASE_URL: password authentication failed/],
    [coded('3D000', 'database "y" does not exist'), /does not exist/],
  ])('J1: %s is said in a sentence, and nothing waits for it', (error, sentence) => {
    expect(whyWrongAddress(error)).toMatch(sentence)
    expect(lossOf(error)).toBeNull()
  })

  it('is not what every error is', () => {
    for (const error of [coded('57P03'), coded('23505'), new Error('x'), undefined])
      expect(whyWrongAddress(error)).toBeNull()
  })
})

describe('J3: an outage', () => {
  const told = () => {
    const lines: string[] = []
    let now = 0
    const outage = new Outage(
      'The queue',
      (line) => lines.push(line),
      () => now,
    )
    return { lines, outage, pass: (ms: number) => (now += ms) }
  }

  it('J3: is one line when it begins, and one a minute, however often it fails', () => {
    const { lines, outage, pass } = told()
    for (let i = 0; i < 100_000; i++) {
      outage.lost(coded('ECONNREFUSED', 'connect ECONNREFUSED 127.0.0.1:6379'))
      pass(1)
    }
    expect(lines).toEqual([
      'The queue fails: connect ECONNREFUSED 127.0.0.1:6379. It is tried again with growing pauses.',
      'The queue still fails after 60 s: connect ECONNREFUSED 127.0.0.1:6379.',
    ])
    outage.close()
  })

  it('J3: is one line when it is over, and a success before it makes none', async () => {
    const { lines, outage, pass } = told()
    outage.back()
    outage.lost(new Error('first\nlast line'))
    pass(12_000)
    outage.lost(new Error('x'))
    outage.back()
    outage.back()
    await expect.poll(() => lines.length, { timeout: 9_000 }).toBe(2)
    expect(lines).toEqual([
      'The queue fails: last line. It is tried again with growing pauses.',
      'The queue works again after 12 s (2 failures).',
    ])
  })

  it('J3: what works and fails by turns is one outage', () => {
    const { lines, outage, pass } = told()
    for (let i = 0; i < 1000; i++) {
      outage.lost(new Error('sorry, too many clients already'))
      outage.back()
      pass(20)
    }
    expect(lines).toHaveLength(1)
    outage.close()
  })

  it('pauses grow, are bounded, and differ', () => {
    expect([1, 2, 3, 4, 5, 6, 7, 99].map((n) => pauseMs(n, () => 1))).toEqual([
      100, 200, 400, 800, 1600, 3200, 5000, 5000,
    ])
    expect(pauseMs(1, () => 0)).toBe(50)
  })
})

describe('J3: what can be reached or not', () => {
  it('one probe asks while it lasts, and everybody waits for it', async () => {
    let asked = 0
    const reachable = new Reachable(new Outage('The database', () => {}), async () => {
      asked += 1
      if (asked < 3) throw new Error('not yet')
    })
    for (let i = 0; i < 50; i++) reachable.lost(new Error('gone'))
    expect(reachable.away).toBe(true)
    await Promise.all(Array.from({ length: 20 }, () => reachable.back()))
    expect(asked).toBe(3)
    expect(reachable.away).toBe(false)
    reachable.close()
  })

  it('a worker that stops waits for nothing', async () => {
    const reachable = new Reachable(new Outage('The database', () => {}), () => Promise.reject(new Error('never')))
    reachable.lost(new Error('gone'))
    const waiting = expect(reachable.back()).rejects.toThrow('the worker stops')
    reachable.close()
    await waiting
  })

  it('J1: a start waits for the database, and for nothing else', async () => {
    let tries = 0
    const answer = await untilReachable(
      async () => {
        tries += 1
        if (tries < 3) throw coded('ECONNREFUSED')
        return 'there'
      },
      new Outage('The database', () => {}),
    )
    expect([answer, tries]).toEqual(['there', 3])
    await expect(untilReachable(() => Promise.reject(coded('28P01')))).rejects.toThrow('28P01')
  })
})

describe('J8: the connections of a worker', () => {
  it.each([
    [8, false, { record: 5, queue: 2 }],
    [8, true, { record: 7, queue: 0 }],
    [4, false, { record: 2, queue: 1 }],
    [32, false, { record: 21, queue: 10 }],
  ])('%i, on Redis %s', (all, redis, share) => {
    expect(shareOf(all, redis)).toEqual(share)
    expect(share.record + share.queue + 1).toBe(all)
  })

  it('say how many workers a server has room for', () => {
    expect(roomFor(97, 10, 8)).toBe(10)
    expect(roomFor(5, 10, 8)).toBe(0)
  })
})

import { describe, expect, it } from 'vitest'
import { readConfig } from '../../worker/config'
import { DUE, JOB_NAMES, JOBS, rungBy } from '../../worker/jobs'
import { Quarantine } from '../../worker/settle'

describe('the jobs', () => {
  it('each is found by the sweep', () => {
    for (const name of JOB_NAMES) expect(DUE).toContain(`'${name}' AS job`)
  })
  it('a ring makes due what it is about', () => {
    expect(rungBy('run', 'queued')).toEqual(['plan'])
    expect(rungBy('run', 'succeeded')).toEqual(['cut', 'onward'])
    expect(rungBy('stage', 'queued')).toEqual(['execute'])
    expect(rungBy('stage', 'succeeded')).toEqual([])
  })
  it('every due query is ordered, so that no row starves', () => {
    for (const name of JOB_NAMES) expect(JOBS[name].due).toContain('ORDER BY')
  })
})

describe('work that throws', () => {
  it('is tried three times, then put aside for five minutes', () => {
    let now = 0
    const quarantine = new Quarantine(() => now)
    expect([quarantine.threw('plan-1'), quarantine.threw('plan-1'), quarantine.threw('plan-1')]).toEqual([
      false,
      false,
      true,
    ])
    expect(quarantine.admits('plan-1')).toBe(false)
    expect(quarantine.admits('plan-2')).toBe(true)
    now = 300_001
    expect(quarantine.admits('plan-1')).toBe(true)
  })
  it('is forgotten once it passed', () => {
    const quarantine = new Quarantine()
    quarantine.threw('a')
    quarantine.threw('a')
    quarantine.passed('a')
    expect(quarantine.threw('a')).toBe(false)
  })
})

describe('the configuration of a worker', () => {
  it('tells every problem at once', () => {
    const read = readConfig({ NODE_ENV: 'test', REDIS_URL: 'http://x', WORKER_LANES: '0', PUBLIC_URL: 'nowhere' })
    expect('problems' in read && read.problems.map((p) => p.split(' ')[0])).toEqual([
      'DATABASE_URL',
      'REDIS_URL',
      'PUBLIC_URL',
      'WORKER_LANES',
    ])
  })
  it('tells them in plain sentences', () => {
    const read = readConfig({
      NODE_ENV: 'test',
      PUBLIC_URL: 'nowhere',
      WORKER_NAME: 'a b',
      WORKER_LANES: '0',
      BUILD_LIMITS: 'bogus',
      DISK_FLOOR_MB: '-1',
    })
    expect('problems' in read && read.problems).toEqual([
      expect.stringMatching(/^DATABASE_URL is not set: .*npm start/),
      'PUBLIC_URL must be an http or https address, such as https://shiplock.example.com',
      'WORKER_NAME must be at most 60 letters, digits, ".", "_" and "-"',
      'WORKER_LANES must be a whole number from 1 to 64',
      'BUILD_LIMITS must be one of told, required',
      'DISK_FLOOR_MB must be a whole number from 0 to 1000000',
    ])
  })
  it('an empty variable is one that was not set', () => {
    const read = readConfig({ NODE_ENV: 'test', DATABASE_URL: 'postgresql://x', REDIS_URL: '', WORKER_LANES: '' })
    expect('config' in read && read.config.WORKER_LANES).toBe(2)
  })
})

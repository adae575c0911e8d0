import { describe, expect, it } from 'vitest'
import { describeConfig, readConfig } from '../../app/_server/config'

describe('the configuration of the web process', () => {
  it('needs no more than a database', () => {
    expect(readConfig({ DATABASE_URL: 'postgresql://x/y', SHIPLOCK_KEYS: '/k', PORT: '' })).toEqual({
      config: {
        databaseUrl: 'postgresql://x/y',
        databasePool: 10,
        host: '127.0.0.1',
        port: 8080,
        publicUrl: null,
        keys: '/k',
        adminPassword: undefined,
        logLevel: 'info',
        trustProxy: false,
      },
    })
  })

  it('tells every problem at once', () => {
    const read = readConfig({
      PORT: 'x',
      PUBLIC_URL: 'ftp://a',
      LOG_LEVEL: 'loud',
      TRUST_PROXY: 'maybe',
      SHIPLOCK_ADMIN_PASSWORD: 'short',
    })
    const problems = 'problems' in read ? read.problems : []
    expect(problems.map((p) => p.split(':')[0]).sort()).toEqual([
      'DATABASE_URL',
      'LOG_LEVEL',
      'PORT',
      'PUBLIC_URL',
      'SHIPLOCK_ADMIN_PASSWORD',
      'TRUST_PROXY',
    ])
    expect(problems.join()).not.toContain('short')
  })

  it('says what each variable is for', () => {
    for (const { name, what } of describeConfig()) expect(what, name).not.toBe('')
    expect(describeConfig().find((d) => d.name === 'PORT')).toMatchObject({ standard: '8080' })
  })
})

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
        floorMb: 512,
        oidc: null,
      },
    })
  })

  it('takes a provider where people sign in, whose secret it never repeats', () => {
    const env = { DATABASE_URL: 'postgresql://x/y', SHIPLOCK_KEYS: '/k' }
    const oidc = { OIDC_ISSUER: 'https://gitlab.example.com/', OIDC_CLIENT_ID: 'id', OIDC_CLIENT_SECRET: 'secret' }
    expect(readConfig({ ...env, ...oidc })).toMatchObject({
      config: {
        oidc: {
          issuer: 'https://gitlab.example.com',
          clientId: 'id',
          clientSecret: 'secret',
          name: 'GitLab',
          role: 'member',
        },
      },
    })
    const problems = (more: Record<string, string>) => {
      const read = readConfig({ ...env, ...more })
      return 'problems' in read ? read.problems.join('\n') : ''
    }
    expect(problems({ OIDC_ISSUER: 'https://gitlab.example.com' })).toMatch(/^OIDC_CLIENT_ID is not set: /)
    expect(problems({ OIDC_CLIENT_SECRET: 'a-secret' })).toMatch(/^OIDC_ISSUER is not set: /)
    expect(problems({ OIDC_CLIENT_SECRET: 'a-secret' })).not.toContain('a-secret')
    expect(problems({ ...oidc, OIDC_ISSUER: 'http://gitlab.example.com' })).toMatch(/must be an https address/)
    expect(problems({ ...oidc, OIDC_ISSUER: 'http://127.0.0.1:8090' })).toBe('')
    expect(problems({ ...oidc, OIDC_ROLE: 'admin' })).toMatch(/^OIDC_ROLE must be one of/)
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
    expect(problems.map((p) => p.split(' ')[0]).sort()).toEqual([
      'DATABASE_URL',
      'LOG_LEVEL',
      'PORT',
      'PUBLIC_URL',
      'SHIPLOCK_ADMIN_PASSWORD',
      'TRUST_PROXY',
    ])
    expect(problems.join()).not.toContain('short')
  })

  it('tells them in plain sentences', () => {
    const read = readConfig({
      DISK_FLOOR_MB: '-1',
      PORT: '80.5',
      DATABASE_POOL: 'x',
      LOG_LEVEL: 'loud',
      OIDC_NAME: 'x'.repeat(41),
    })
    expect('problems' in read && read.problems).toEqual([
      expect.stringMatching(/^DATABASE_URL is not set: /),
      'PORT must be a whole number from 0 to 65535',
      'LOG_LEVEL must be one of fatal, error, warn, info, debug, trace',
      'OIDC_NAME must have at most 40 characters',
      'DISK_FLOOR_MB must be a whole number from 0 to 1000000',
      'DATABASE_POOL must be a whole number from 3 to 100',
    ])
  })

  it('says what each variable is for', () => {
    for (const { name, what } of describeConfig()) expect(what, name).not.toBe('')
    expect(describeConfig().find((d) => d.name === 'PORT')).toMatchObject({ standard: '8080' })
  })
})

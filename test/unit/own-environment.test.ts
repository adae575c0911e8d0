import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { describeConfig as webConfig } from '../../app/_server/config'
import { webEnvironment, workerEnvironment } from '../../cli/environment'
import { webUser } from '../../cli/web-user'
import { ownTsxCache } from '../../scripts/tsx-cache.mjs'
import { describeConfig as workerConfig } from '../../worker/config'

const all = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, 'x']))
const WEB = webConfig().map((v) => v.name)
const WORKER = workerConfig().map((v) => v.name)
/** Each process is given an address of its own. */
const withoutDatabase = (names: readonly string[]) => names.filter((name) => name !== 'DATABASE_URL').sort()

describe('what a process is told by its environment', () => {
  it('all that it is configured with', () => {
    expect(
      Object.keys(webEnvironment(all(WEB)))
        .filter((n) => n !== 'DATABASE_URL')
        .sort(),
    ).toEqual(withoutDatabase(WEB))
    expect(Object.keys(workerEnvironment(all(WORKER))).sort()).toEqual(withoutDatabase(WORKER))
  })
  it('the web process: nothing of the worker’s, and no secret of the shell that it was started from', () => {
    const theirs = WORKER.filter((name) => !WEB.includes(name) && name !== 'SHIPLOCK_STATE')
    const secrets = [
      'DOCKER_HOST',
      'DOCKER_CERT_PATH',
      'KUBECONFIG',
      'SSH_AUTH_SOCK',
      'AWS_SECRET_ACCESS_KEY',
      'GITLAB_TOKEN',
    ]
    const owners = ['DATABASE_URL', 'WEB_DATABASE_URL', 'WORKER_DATABASE_URL', 'PGPASSWORD']
    expect(webEnvironment(all([...theirs, ...secrets, ...owners]))).toEqual({})
  })
  it('the worker: neither the owner’s address of the database nor the first password', () => {
    expect(
      workerEnvironment(all(['DATABASE_URL', 'WEB_DATABASE_URL', 'WORKER_DATABASE_URL', 'SHIPLOCK_ADMIN_PASSWORD'])),
    ).toEqual({})
    expect(workerEnvironment(all(['DOCKER_HOST', 'GIT_SSL_CAINFO']))).toEqual(all(['DOCKER_HOST', 'GIT_SSL_CAINFO']))
  })
})

const isRoot = process.getuid?.() === 0
describe('the user of the web process', () => {
  const home = mkdtempSync(join(tmpdir(), 'shiplock-user-'))
  afterAll(() => rmSync(home, { recursive: true, force: true }))

  it.skipIf(!isRoot)(
    `is another one where it can read the code, and none where it cannot${isRoot ? '' : ' (needs root)'}`,
    () => {
      chmodSync(home, 0o755)
      const { user, because } = webUser(home, home)
      expect(because).toBeNull()
      expect(user?.uid).toBeGreaterThan(0)
      chmodSync(home, 0o700)
      expect(webUser(home, tmpdir())).toEqual({
        user: null,
        because: expect.stringContaining(`may not enter or read ${home}`),
      })
      chmodSync(home, 0o755)
      writeFileSync(join(home, 'package.json'), '{}', { mode: 0o600 })
      expect(webUser(home, tmpdir()).because).toContain(join(home, 'package.json'))
    },
  )
  it.skipIf(isRoot)(
    `is the worker’s where nobody is root, which is said${isRoot ? ' (needs another user)' : ''}`,
    () => {
      expect(webUser(home, home)).toEqual({ user: null, because: expect.stringContaining('was not started by root') })
    },
  )
})

describe('compiled code in the shared folder', () => {
  const home = mkdtempSync(join(tmpdir(), 'shiplock-cache-'))
  afterAll(() => rmSync(home, { recursive: true, force: true }))
  const dir = join(home, 'tsx-1')
  const planted = () => statSync(join(dir, 'planted'), { throwIfNoEntry: false }) !== undefined

  it('is made for its user alone, and kept', () => {
    ownTsxCache(dir)
    expect(statSync(dir).mode & 0o777).toBe(0o700)
    writeFileSync(join(dir, 'planted'), '')
    ownTsxCache(dir)
    expect(planted()).toBe(true)
  })
  it('that others could write to, or that lies elsewhere, is thrown away', () => {
    chmodSync(dir, 0o777)
    ownTsxCache(dir)
    expect(planted()).toBe(false)
    const elsewhere = join(home, 'elsewhere')
    mkdirSync(elsewhere)
    rmSync(dir, { recursive: true })
    symlinkSync(elsewhere, dir)
    ownTsxCache(dir)
    expect(statSync(dir).ino).not.toBe(statSync(elsewhere).ino)
  })
})

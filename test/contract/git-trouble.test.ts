// What git does when the forge, the repository or the clock is against it.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { fetchCommit } from '../../pipelines/git'
import { processes } from '../processes'
import { bare, faultOf, giveRepository, order, push, RIGHT, root, there, write } from './given-repository'

giveRepository()

describe('what goes wrong is said in the words of the design', () => {
  const missing = 'f'.repeat(40)

  it.each([
    ['a wrong password', { credentials: { username: 'oauth2', password: 'glpat-wrong-and-secret' } }, 'forge.denied'],
    ['no password', { credentials: null }, 'forge.denied'],
    ['a commit that the forge has not', {}, 'forge.missing'],
    ['a repository that is not there', { url: '/team/nothing.git' }, 'forge.missing'],
    ['a redirect', { url: '/moved/team/hello.git' }, 'forge.refused'],
  ])('%s', async (_what, change, code) => {
    const url = 'url' in change ? { url: `${there.server.url}${change.url}` } : {}
    const fault = await faultOf(fetchCommit(order(missing, { ...change, ...url })))
    expect(fault).toMatchObject({ code })
    expect(fault.message).not.toContain('and-secret')
    expect(fault.message).not.toContain(Buffer.from('oauth2:glpat').toString('base64').slice(0, 12))
  })

  it('a redirect is not followed', async () => {
    await faultOf(fetchCommit(order(missing, { url: `${there.server.url}/moved/team/hello.git` })))
    expect(there.server.seen.every((request) => request.path.startsWith('/moved/'))).toBe(true)
  })

  it('nobody listens there', async () => {
    expect(await faultOf(fetchCommit(order(missing, { url: 'http://127.0.0.1:9/x.git' })))).toMatchObject({
      code: 'forge.unreachable',
    })
  })

  it.each([
    ['--upload-pack=touch /tmp/x', 'a'.repeat(40)],
    ['file:///etc', 'a'.repeat(40)],
    ['ext::sh -c id', 'a'.repeat(40)],
    ['ssh://git@x/y', 'a'.repeat(40)],
    ['/local/path', 'a'.repeat(40)],
    ['http://user:password@x/y.git', 'a'.repeat(40)],
    ['http://x/y.git?a=b', 'a'.repeat(40)],
    ['', 'a'.repeat(40)],
    ['http://x/y.git', 'HEAD'],
    ['http://x/y.git', '--all'],
    ['http://x/y.git', 'A'.repeat(40)],
    ['http://x/y.git', 'a'.repeat(39)],
    ['http://x/y.git', `${'a'.repeat(40)}\n`],
  ])('%j at %j starts no process', async (url, commit) => {
    expect(await faultOf(fetchCommit(order(commit, { url })))).toMatchObject({ code: 'input.invalid' })
    expect(() => readdirSync(there.cache)).toThrow()
  })

  it('a tree that climbs out of its folder is refused', async () => {
    const tree = (mode: string, name: string, id: string) =>
      Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.from(id, 'hex')])
    const store = (type: string, bytes: Buffer) =>
      execFileSync('git', ['-C', bare, 'hash-object', '-t', type, '-w', '--stdin', '--literally'], {
        input: bytes,
        encoding: 'utf8',
      }).trim()
    const blob = store('blob', Buffer.from('evil'))
    const climbing = store('tree', tree('40000', '..', store('tree', tree('100644', 'evil', blob))))
    const who = 'Mei <mei@harbour.test> 1700000000 +0000'
    const commit = store('commit', Buffer.from(`tree ${climbing}\nauthor ${who}\ncommitter ${who}\n\nclimb\n`))
    execFileSync('git', ['-C', bare, 'update-ref', 'refs/heads/climb', commit])
    expect(await faultOf(fetchCommit(order(commit)))).toMatchObject({ code: 'input.invalid' })
  })

  it('an old commit with crooked dates and names is let in', async () => {
    const store = (type: string, text: string) =>
      execFileSync('git', ['-C', bare, 'hash-object', '-t', type, '-w', '--stdin', '--literally'], {
        input: text,
        encoding: 'utf8',
      }).trim()
    const empty = store('tree', '')
    const commit = store(
      'commit',
      `tree ${empty}\nauthor Mei 1700000000 +051800\ncommitter Mei <mei> 01700000000 +0000\n\nconverted from CVS\n`,
    )
    execFileSync('git', ['-C', bare, 'update-ref', 'refs/heads/crooked', commit])
    expect(await fetchCommit(order(commit))).toMatchObject({ title: 'converted from CVS' })
  })
})

describe('time', () => {
  it('a call that is called off ends at once, and leaves no lock behind', async () => {
    write({ a: 'x' })
    const sha = push('held')
    const hold = { release: () => undefined, waiting: 0 }
    there.server.hold = hold
    const abort = new AbortController()
    const fetching = faultOf(fetchCommit(order(sha, { signal: abort.signal })))
    await vi.waitFor(() => expect(hold.waiting).toBe(1), 10_000)
    const since = performance.now()
    abort.abort()
    expect(await fetching).toMatchObject({ code: 'git.failed', message: expect.stringContaining('called off') })
    expect(performance.now() - since).toBeLessThan(1500)
    there.server.hold = null
    expect(await fetchCommit(order(sha))).toMatchObject({ title: 'held' })
  })

  it('a call ends at its deadline, also while it waits for another', async () => {
    write({ a: 'x' })
    const sha = push('slow')
    await fetchCommit(order(push('there')))
    there.server.hold = { release: () => undefined, waiting: 0 }
    const abort = new AbortController()
    write({ a: 'y' })
    const other = push('other')
    const first = faultOf(fetchCommit(order(other, { signal: abort.signal })))
    const second = faultOf(fetchCommit(order(other, { deadlineMs: 300 })))
    expect(await second).toMatchObject({
      code: 'git.failed',
      message: expect.stringMatching(/no time was left|longer than it may/),
    })
    abort.abort()
    await first
    there.server.hold = null
    expect(await fetchCommit(order(sha))).toMatchObject({ title: 'slow' })
  })
})

describe('secrets', () => {
  it('are sent in the header alone', async () => {
    write({ a: 'x' })
    await fetchCommit(order(push('quiet')))
    const right = `Basic ${Buffer.from(`${RIGHT.username}:${RIGHT.password}`).toString('base64')}`
    expect(there.server.seen.map((request) => request.authorization)).toEqual(there.server.seen.map(() => right))
    expect(JSON.stringify(there.server.seen.map((request) => request.path))).not.toContain('secret')
  })

  it('are neither in the cache nor in the arguments of any process', async () => {
    write({ a: 'x' })
    const sha = push('look')
    const hold = { release: () => undefined, waiting: 0 }
    there.server.hold = hold
    const abort = new AbortController()
    const fetching = faultOf(fetchCommit(order(sha, { signal: abort.signal })))
    await vi.waitFor(() => expect(hold.waiting).toBe(1), 10_000)
    const shown = processes()
      .map((p) => p.args)
      .join('\n')
    abort.abort()
    await fetching
    expect(shown).toContain(`${there.server.url}/team/hello.git`)
    expect(shown).not.toContain(RIGHT.password)
    expect(shown).not.toContain(Buffer.from(`${RIGHT.username}:${RIGHT.password}`).toString('base64'))
    const found = execFileSync('sh', [
      '-c',
      'grep -rl -e "$1" -e "$2" -- "$3" || true',
      'sh',
      RIGHT.password,
      Buffer.from(`${RIGHT.username}:${RIGHT.password}`).toString('base64'),
      there.cache,
    ])
    expect(found.toString()).toBe('')
  })
})

describe('this machine', () => {
  it('has no say: neither the environment nor the settings of its user reach git', async () => {
    const trace = join(root, 'trace')
    const settings = join(root, 'settings')
    writeFileSync(settings, `[url "file:///etc/"]\n\tinsteadOf = ${there.server.url}/\n`)
    for (const [name, value] of Object.entries({
      GIT_DIR: '/nonexistent',
      GIT_TRACE: trace,
      GIT_CONFIG_GLOBAL: settings,
      GIT_CONFIG_PARAMETERS: "'core.hooksPath=/tmp'",
      GIT_SSL_NO_VERIFY: '1',
      GIT_ASKPASS: '/bin/false',
    })) {
      vi.stubEnv(name, value)
    }
    const sha = 'f'.repeat(40)
    expect(await faultOf(fetchCommit(order(sha)))).toMatchObject({ code: 'forge.missing' })
    expect(there.server.seen.length).toBeGreaterThan(0)
    expect(existsSync(trace)).toBe(false)
  })
})

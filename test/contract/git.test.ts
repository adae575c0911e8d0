import { execFileSync } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { isFault } from '../../pipelines/fault'
import { type FetchOrder, fetchCommit } from '../../pipelines/git'
import { type GitServer, startGitServer } from './git-server'

const root = mkdtempSync(join(tmpdir(), 'shiplock-git-'))
const work = join(root, 'work')
const bare = join(root, 'team', 'hello.git')
const RIGHT = { username: 'oauth2', password: 'glpat-right-and-secret' }
let server: GitServer
let caches = 0
let cache = ''

/** The author's own git, with settings of its own only. */
function git(...args: string[]): string {
  const env = { PATH: process.env.PATH ?? '', HOME: root, GIT_CONFIG_NOSYSTEM: '1' } as unknown as NodeJS.ProcessEnv
  const author = [
    '-c',
    'user.name=Mei',
    '-c',
    'user.email=mei@harbour.test',
    '-c',
    'core.autocrlf=false',
    '-c',
    'core.quotePath=false',
  ]
  return execFileSync('git', ['-C', work, ...author, ...args], {
    encoding: 'utf8',
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  }).trim()
}

function write(files: Record<string, string | Buffer | { link: string }>): void {
  for (const [name, content] of Object.entries(files)) {
    const path = join(work, name)
    rmSync(path, { force: true, recursive: true })
    mkdirSync(dirname(path), { recursive: true })
    if (typeof content === 'object' && 'link' in content) symlinkSync(content.link, path)
    else writeFileSync(path, content)
  }
}

/** Commits, pushes to the server's repository, and returns the hash. */
function push(message: string, branch = 'develop'): string {
  // What add would change by .gitattributes (line ends, encodings) must be committed as it was written.
  mkdirSync(join(work, '.git', 'info'), { recursive: true })
  writeFileSync(join(work, '.git', 'info', 'attributes'), '* -text -ident -filter -working-tree-encoding\n')
  git('add', '--all', '--force')
  git('commit', '--quiet', '--allow-empty', '--message', message)
  git('push', '--quiet', '--force', bare, `HEAD:refs/heads/${branch}`)
  return git('rev-parse', 'HEAD')
}

const order = (commit: string, change: Partial<FetchOrder> = {}): FetchOrder => ({
  dir: cache,
  url: `${server.url}/team/hello.git`,
  credentials: RIGHT,
  commit,
  deadlineMs: 20_000,
  signal: new AbortController().signal,
  ...change,
})

async function faultOf(work: Promise<unknown>): Promise<{ code: string; message: string }> {
  const error = await work.then(
    () => expect.fail('it went well'),
    (caught: unknown) => caught,
  )
  if (!isFault(error)) throw error
  return error
}

/** Unpacks a tar and tells names, modes and link targets as tar lists them. */
async function unpack(files: NodeJS.ReadableStream) {
  const dir = mkdtempSync(join(root, 'tar-'))
  const tar = await buffer(files)
  execFileSync('tar', ['-xf', '-', '-C', dir], { input: tar })
  const listed = execFileSync('tar', ['-tvf', '-', '--quoting-style=literal'], { input: tar, encoding: 'utf8' })
  return { dir, listed, read: (name: string) => readFileSync(join(dir, name)) }
}

beforeAll(async () => {
  mkdirSync(work)
  mkdirSync(dirname(bare))
  execFileSync('git', ['init', '--quiet', '--bare', '--', bare])
  git('init', '--quiet', '--initial-branch=develop')
  server = await startGitServer(root, RIGHT.username, RIGHT.password)
})
beforeEach(() => {
  cache = join(root, 'caches', String(++caches))
  for (const name of readdirSync(work)) if (name !== '.git') rmSync(join(work, name), { recursive: true })
  server.seen.length = 0
  server.hold = null
})
afterAll(async () => {
  await server.close()
  rmSync(root, { recursive: true, force: true })
})

describe('the files of a commit', () => {
  it('come with its tree, its title, its names and its bytes', async () => {
    write({ Dockerfile: 'FROM scratch\n', 'src/deep/er/main.js': 'x\n', empty: '' })
    const sha = push('Greet the crew\n\nand say why')
    const commit = await fetchCommit(order(sha))
    expect(commit).toMatchObject({ commit: sha, tree: git('rev-parse', 'HEAD^{tree}'), title: 'Greet the crew' })
    expect(await commit.list()).toEqual(['Dockerfile', 'empty', 'src'])
    expect((await commit.readFile('src/deep/er/main.js', 100))?.toString()).toBe('x\n')
    expect(await commit.readFile('empty', 100)).toEqual(Buffer.alloc(0))
    for (const absent of [
      'nothing',
      'src',
      'src/',
      '/Dockerfile',
      './Dockerfile',
      'src/../Dockerfile',
      '',
      '..',
      ':Dockerfile',
      'Dockerfile/x',
      'HEAD',
      'Dockerfile\nHEAD',
    ]) {
      expect(await commit.readFile(absent, 100), absent).toBeNull()
    }
  })

  it('are those of that commit, though its branch has moved on', async () => {
    write({ a: 'one' })
    const first = push('one')
    write({ a: 'two' })
    const second = push('two')
    const old = await fetchCommit(order(first))
    expect((await old.readFile('a', 10))?.toString()).toBe('one')
    expect((await (await unpack(old.files())).read('a')).toString()).toBe('one')
    expect((await (await fetchCommit(order(second))).readFile('a', 10))?.toString()).toBe('two')
  })

  it('are complete and unchanged whatever the repository says in .gitattributes', async () => {
    const crlf = Buffer.from('one\r\ntwo\n$Id$ $Format:%H$\n')
    write({
      '.gitattributes':
        '[attr]hidden export-ignore\n* text eol=crlf ident export-subst hidden\nsecret/ export-ignore\n*.txt working-tree-encoding=UTF-16 crlf\n*.js filter=evil\n',
      'sub/.gitattributes': '* export-ignore eol=crlf text\n',
      'a.txt': crlf,
      'b.js': crlf,
      'secret/key': crlf,
      'sub/c': crlf,
    })
    const commit = await fetchCommit(order(push('attributes')))
    const { read } = await unpack(commit.files())
    for (const name of ['a.txt', 'b.js', 'secret/key', 'sub/c', '.gitattributes', 'sub/.gitattributes']) {
      expect(read(name), name).toEqual(readFileSync(join(work, name)))
      expect(await commit.readFile(name, 1000), name).toEqual(readFileSync(join(work, name)))
    }
  })

  it('keep links as links, and a link is never read', async () => {
    write({
      '.shiplock.yaml': { link: '/etc/passwd' },
      inside: { link: 'real' },
      real: 'r',
      'folder/x': 'x',
      to: { link: 'folder' },
      loop: { link: 'loop' },
    })
    const commit = await fetchCommit(order(push('links')))
    for (const name of ['.shiplock.yaml', 'inside', 'to/x', 'loop'])
      expect(await commit.readFile(name, 1000), name).toBeNull()
    expect(await commit.list()).toContain('.shiplock.yaml')
    expect((await unpack(commit.files())).listed).toMatch(/^l.* \.shiplock\.yaml -> \/etc\/passwd$/m)
  })

  it('may have any name', async () => {
    const names = [
      '-rf',
      '--help',
      'a b',
      'line\nbreak',
      'quo\'te"',
      '$(touch x)',
      '问候',
      '🚢',
      '*',
      `${'long/'.repeat(40)}end`,
      '\\',
    ]
    write(Object.fromEntries(names.map((name, i) => [name, String(i)])))
    const commit = await fetchCommit(order(push('names')))
    const { read } = await unpack(commit.files())
    for (const [i, name] of names.entries()) {
      expect((await commit.readFile(name, 10))?.toString(), name).toBe(String(i))
      expect(read(name).toString(), name).toBe(String(i))
    }
  })

  it('keep the mark of a program, and nothing else of their modes', async () => {
    write({ run: '#!/bin/sh\n', plain: '' })
    git('add', '--all')
    git('update-index', '--chmod=+x', 'run')
    git('commit', '--quiet', '--message', 'modes')
    git('push', '--quiet', '--force', bare, 'HEAD:refs/heads/develop')
    const { listed } = await unpack((await fetchCommit(order(git('rev-parse', 'HEAD')))).files())
    expect(listed).toMatch(/^-rwxr-xr-x .* run$/m)
    expect(listed).toMatch(/^-rw-r--r-- .* plain$/m)
  })

  it('do not include submodules, which are neither read nor fetched', async () => {
    write({ '.gitmodules': '[submodule "x"]\n\tpath = mod\n\turl = --upload-pack=touch /tmp/pwned\n', real: '' })
    git('add', '--all')
    git('update-index', '--add', '--cacheinfo', `160000,${'a'.repeat(40)},mod`)
    git('commit', '--quiet', '--message', 'submodule')
    git('push', '--quiet', '--force', bare, 'HEAD:refs/heads/develop')
    const commit = await fetchCommit(order(git('rev-parse', 'HEAD')))
    expect(await commit.readFile('mod', 100)).toBeNull()
    expect(await commit.readFile('mod/x', 100)).toBeNull()
    expect(readdirSync(join((await unpack(commit.files())).dir, 'mod'))).toEqual([])
  })

  it('are refused where one is larger than is read, and only that one', async () => {
    write({ big: Buffer.alloc(5_000_000, 1), small: 'x' })
    const commit = await fetchCommit(order(push('big')))
    expect(await faultOf(commit.readFile('big', 1000))).toMatchObject({ code: 'input.invalid' })
    expect(await faultOf(commit.readFile('big', 4_999_999))).toMatchObject({ code: 'input.invalid' })
    expect(await commit.readFile('big', 5_000_000)).toHaveLength(5_000_000)
    expect(await commit.readFile('small', 1)).toHaveLength(1)
  })

  it('come afresh with every call, and a reader may stop early', async () => {
    write({ big: Buffer.alloc(20_000_000, 7) })
    const commit = await fetchCommit(order(push('twice')))
    const half = commit.files() as NodeJS.ReadableStream & { destroy(): void }
    await new Promise((resolve) => half.once('data', resolve))
    half.destroy()
    const [one, two] = await Promise.all([buffer(commit.files()), buffer(commit.files())])
    expect(one.length).toBeGreaterThan(20_000_000)
    expect(one.equals(two)).toBe(true)
  })

  it('a tar that git cannot finish ends with a fault, never as a smaller repository', async () => {
    write({ a: 'x' })
    const commit = await fetchCommit(order(push('gone')))
    rmSync(join(cache, 'objects'), { recursive: true })
    expect(await faultOf(buffer(commit.files()))).toMatchObject({ code: 'git.failed' })
  })

  it('titles in other encodings and of other people are one clean line', async () => {
    write({ a: 'x' })
    git('add', '--all')
    const message = join(root, 'message')
    writeFileSync(message, Buffer.concat([Buffer.from([0xce, 0xca, 0xba, 0xf2]), Buffer.from(' \x1b[31mred')])) // "问候" in GBK
    git('-c', 'i18n.commitEncoding=GBK', 'commit', '--quiet', '--allow-empty', '--file', message)
    git('push', '--quiet', '--force', bare, 'HEAD:refs/heads/develop')
    expect((await fetchCommit(order(git('rev-parse', 'HEAD')))).title).toBe('问候  [31mred')
  })
})

describe('the cache', () => {
  it('asks the forge once for a commit', async () => {
    write({ a: 'x' })
    const sha = push('once')
    await fetchCommit(order(sha))
    const asked = server.seen.length
    await fetchCommit(order(sha, { credentials: null }))
    expect(server.seen.length).toBe(asked)
  })

  it('lets many callers of one process have many commits at once', async () => {
    const commits = ['1', '2', '3', '4'].map((content) => {
      write({ a: content })
      return push(content)
    })
    const fetched = await Promise.all([...commits, ...commits].map((sha) => fetchCommit(order(sha))))
    expect(fetched.map((commit) => commit.title)).toEqual(['1', '2', '3', '4', '1', '2', '3', '4'])
    expect(server.seen.filter((request) => request.path.endsWith('/git-upload-pack'))).toHaveLength(4)
  })

  it('waits for the lock of another process, and takes up one that a crash left', async () => {
    write({ a: 'x' })
    await fetchCommit(order(push('first')))
    write({ a: 'y' })
    const sha = push('second')
    const lock = join(cache, 'shallow.lock')
    writeFileSync(lock, '')
    const fetching = fetchCommit(order(sha))
    await vi.waitFor(
      () =>
        expect(server.seen.filter((request) => request.path.endsWith('/git-upload-pack')).length).toBeGreaterThan(2),
      15_000,
    )
    rmSync(lock)
    expect((await fetching).title).toBe('second')
    write({ a: 'z' })
    const third = push('third')
    writeFileSync(lock, '')
    const longAgo = Date.now() / 1000 - 7200
    utimesSync(lock, longAgo, longAgo)
    expect((await fetchCommit(order(third))).title).toBe('third')
  })

  it('stays small over many pushes', { timeout: 120_000 }, async () => {
    for (let i = 0; i < 52; i++) {
      write({ a: String(i) })
      await fetchCommit(order(push(String(i))))
    }
    const packs = readdirSync(join(cache, 'objects', 'pack')).filter((name) => name.endsWith('.pack'))
    expect(packs.length).toBeLessThan(50)
    expect(readdirSync(join(cache, 'objects')).length).toBeLessThan(100)
  })

  it('leaves nothing half-made where it cannot be made', async () => {
    writeFileSync(join(root, 'in-the-way'), '')
    const sha = push('nowhere')
    expect((await faultOf(fetchCommit(order(sha, { dir: join(root, 'in-the-way', 'cache') })))).code).toBe('git.failed')
  })
})

describe('what goes wrong is said in the words of the design', () => {
  const missing = 'f'.repeat(40)

  it.each([
    ['a wrong password', { credentials: { username: 'oauth2', password: 'glpat-wrong-and-secret' } }, 'forge.denied'],
    ['no password', { credentials: null }, 'forge.denied'],
    ['a commit that the forge has not', {}, 'forge.missing'],
    ['a repository that is not there', { url: '/team/nothing.git' }, 'forge.missing'],
    ['a redirect', { url: '/moved/team/hello.git' }, 'forge.refused'],
  ])('%s', async (_what, change, code) => {
    const url = 'url' in change ? { url: `${server.url}${change.url}` } : {}
    const fault = await faultOf(fetchCommit(order(missing, { ...change, ...url })))
    expect(fault).toMatchObject({ code })
    expect(fault.message).not.toContain('and-secret')
    expect(fault.message).not.toContain(Buffer.from('oauth2:glpat').toString('base64').slice(0, 12))
  })

  it('a redirect is not followed', async () => {
    await faultOf(fetchCommit(order(missing, { url: `${server.url}/moved/team/hello.git` })))
    expect(server.seen.every((request) => request.path.startsWith('/moved/'))).toBe(true)
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
    expect(() => readdirSync(cache)).toThrow()
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
    server.hold = hold
    const abort = new AbortController()
    const fetching = faultOf(fetchCommit(order(sha, { signal: abort.signal })))
    await vi.waitFor(() => expect(hold.waiting).toBe(1), 10_000)
    const since = performance.now()
    abort.abort()
    expect(await fetching).toMatchObject({ code: 'git.failed', message: expect.stringContaining('called off') })
    expect(performance.now() - since).toBeLessThan(1500)
    server.hold = null
    expect(await fetchCommit(order(sha))).toMatchObject({ title: 'held' })
  })

  it('a call ends at its deadline, also while it waits for another', async () => {
    write({ a: 'x' })
    const sha = push('slow')
    await fetchCommit(order(push('there')))
    server.hold = { release: () => undefined, waiting: 0 }
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
    server.hold = null
    expect(await fetchCommit(order(sha))).toMatchObject({ title: 'slow' })
  })
})

describe('secrets', () => {
  it('are sent in the header alone', async () => {
    write({ a: 'x' })
    await fetchCommit(order(push('quiet')))
    const right = `Basic ${Buffer.from(`${RIGHT.username}:${RIGHT.password}`).toString('base64')}`
    expect(server.seen.map((request) => request.authorization)).toEqual(server.seen.map(() => right))
    expect(JSON.stringify(server.seen.map((request) => request.path))).not.toContain('secret')
  })

  it('are neither in the cache nor in the arguments of any process', async () => {
    write({ a: 'x' })
    const sha = push('look')
    const hold = { release: () => undefined, waiting: 0 }
    server.hold = hold
    const abort = new AbortController()
    const fetching = faultOf(fetchCommit(order(sha, { signal: abort.signal })))
    await vi.waitFor(() => expect(hold.waiting).toBe(1), 10_000)
    const shown = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })
    abort.abort()
    await fetching
    expect(shown).toContain(`${server.url}/team/hello.git`)
    expect(shown).not.toContain(RIGHT.password)
    expect(shown).not.toContain(Buffer.from(`${RIGHT.username}:${RIGHT.password}`).toString('base64'))
    const found = execFileSync('sh', [
      '-c',
      'grep -rl -e "$1" -e "$2" -- "$3" || true',
      'sh',
      RIGHT.password,
      Buffer.from(`${RIGHT.username}:${RIGHT.password}`).toString('base64'),
      cache,
    ])
    expect(found.toString()).toBe('')
  })
})

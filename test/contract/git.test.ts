// What git brings: the exact files of a commit, and the cache they come from.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { describe, expect, it, vi } from 'vitest'
import { fetchCommit } from '../../pipelines/git'
import { bare, faultOf, git, giveRepository, order, push, root, there, unpack, work, write } from './given-repository'

giveRepository()

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

  it('of a repository with SHA-256 hashes are files like any other', async () => {
    const source = join(root, 'sha256')
    const at = (...args: string[]) =>
      execFileSync('git', ['-C', source, '-c', 'user.name=M', '-c', 'user.email=m@x', ...args])
    execFileSync('git', ['init', '--quiet', '--object-format=sha256', '--', source])
    mkdirSync(join(source, 'folder'))
    writeFileSync(join(source, 'folder', 'file'), 'new hashes')
    at('add', '--all')
    at('commit', '--quiet', '--message', 'longer')
    const sha = at('rev-parse', 'HEAD').toString().trim()
    expect(sha).toHaveLength(64)
    const commit = await fetchCommit(order(sha, { url: `${there.server.url}/sha256/.git` }))
    expect((await commit.readFile('folder/file', 100))?.toString()).toBe('new hashes')
    expect((await unpack(commit.files())).read('folder/file').toString()).toBe('new hashes')
  })

  it('a tar that git cannot finish ends with a fault, never as a smaller repository', async () => {
    write({ a: 'x' })
    const commit = await fetchCommit(order(push('gone')))
    rmSync(join(there.cache, 'objects'), { recursive: true })
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
    const asked = there.server.seen.length
    await fetchCommit(order(sha, { credentials: null }))
    expect(there.server.seen.length).toBe(asked)
  })

  it('lets many callers of one process have many commits at once', async () => {
    const commits = ['1', '2', '3', '4'].map((content) => {
      write({ a: content })
      return push(content)
    })
    const fetched = await Promise.all([...commits, ...commits].map((sha) => fetchCommit(order(sha))))
    expect(fetched.map((commit) => commit.title)).toEqual(['1', '2', '3', '4', '1', '2', '3', '4'])
    // Each fetch begins by asking for the refs, once; how many rounds follow is git's own affair.
    expect(there.server.seen.filter((request) => request.path.includes('/info/refs'))).toHaveLength(4)
  })

  it('waits for the lock of another process, and takes up one that a crash left', async () => {
    write({ a: 'x' })
    await fetchCommit(order(push('first')))
    write({ a: 'y' })
    const sha = push('second')
    const lock = join(there.cache, 'shallow.lock')
    writeFileSync(lock, '')
    const fetching = fetchCommit(order(sha))
    await vi.waitFor(
      () =>
        expect(there.server.seen.filter((request) => request.path.endsWith('/git-upload-pack')).length).toBeGreaterThan(
          2,
        ),
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
    const packs = readdirSync(join(there.cache, 'objects', 'pack')).filter((name) => name.endsWith('.pack'))
    expect(packs.length).toBeLessThan(50)
    expect(readdirSync(join(there.cache, 'objects')).length).toBeLessThan(100)
  })

  it('leaves nothing half-made where it cannot be made', async () => {
    writeFileSync(join(root, 'in-the-way'), '')
    const sha = push('nowhere')
    expect((await faultOf(fetchCommit(order(sha, { dir: join(root, 'in-the-way', 'cache') })))).code).toBe('git.failed')
  })
})

// What git says a merge would come to, whatever method people merge with.
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { fetchCommit } from '../../pipelines/git'
import { type MergeOrder, tryMerge } from '../../pipelines/git-merge'
import { faultOf, git, giveRepository, order, push, RIGHT, there, write } from './given-repository'

giveRepository()

const asked = (commit: string, into: string, change: Partial<MergeOrder> = {}): MergeOrder => ({
  dir: `${there.cache}.history`,
  url: `${there.server.url}/team/hello.git`,
  credentials: RIGHT,
  commit,
  into,
  deadlineMs: 20_000,
  signal: new AbortController().signal,
  ...change,
})

/** develop and a release branch that come from one commit. */
let base = ''
beforeEach(() => {
  git('checkout', '--quiet', '--orphan', `start-${join(there.cache).split('/').at(-1)}`)
  write({ a: 'one\n', b: 'one\n' })
  base = push('Begin', 'develop')
})

const branch = (name: string, files: Record<string, string>, from = base) => {
  git('checkout', '--quiet', '--detach', from)
  write(files)
  return push(`Change ${name}`, name)
}

describe('merging back', () => {
  it('is not needed for what the branch contains already', async () => {
    const release = branch('release/1.0', { a: 'two\n' })
    const develop = branch('develop', { b: 'two\n' }, release)
    expect(await tryMerge(asked(release, develop))).toEqual({ kind: 'contained' })
    expect(await tryMerge(asked(release, release))).toEqual({ kind: 'contained' })
  })

  it('changes nothing where the same change came by another way: squashed, or picked', async () => {
    const release = branch('release/1.0', { a: 'two\n' })
    const develop = branch('develop', { a: 'two\n', b: 'three\n' })
    expect(await tryMerge(asked(release, develop))).toEqual({ kind: 'unchanged' })
  })

  it('changes nothing where production has only the merge commit that develop lacks', async () => {
    const release = branch('release/1.0', { a: 'two\n' })
    git('checkout', '--quiet', '--detach', base)
    git('merge', '--quiet', '--no-ff', '--message', 'Merge release/1.0', release)
    const master = push('On master', 'master')
    git('checkout', '--quiet', '--detach', base)
    git('merge', '--quiet', '--no-ff', '--message', 'Back', release)
    const develop = push('On develop', 'develop')
    expect(await tryMerge(asked(master, develop))).toEqual({ kind: 'unchanged' })
  })

  it('is clean where both have changed different things', async () => {
    const release = branch('release/1.0', { a: 'two\n' })
    const develop = branch('develop', { b: 'three\n' })
    expect(await tryMerge(asked(release, develop))).toEqual({ kind: 'clean' })
  })

  it('names the files that conflict, whatever they are called', async () => {
    const release = branch('release/1.0', { a: 'two\n', 'odd\nname': 'x\n', 'sub/ü': '1\n' })
    const develop = branch('develop', { a: 'three\n', 'odd\nname': 'y\n', 'sub/ü': '2\n' })
    expect(await tryMerge(asked(release, develop))).toEqual({
      kind: 'conflict',
      files: ['a', 'odd\nname', 'sub/ü'],
      more: 0,
    })
  })

  it('is asked again with what was pushed since, in the same cache', async () => {
    const release = branch('release/1.0', { a: 'two\n' })
    const before = branch('develop', { b: 'three\n' })
    expect(await tryMerge(asked(release, before))).toEqual({ kind: 'clean' })
    git('checkout', '--quiet', '--detach', before)
    git('merge', '--quiet', '--message', 'Merge back', release)
    expect(await tryMerge(asked(release, push('merged', 'develop')))).toEqual({ kind: 'contained' })
  })

  it('a commit that is gone is a fault, not an answer', async () => {
    const develop = branch('develop', { b: 'three\n' })
    const fault = await faultOf(tryMerge(asked('ab'.repeat(20), develop)))
    expect(fault.code).toBe('forge.missing')
  })

  it('branches without a common beginning are judged all the same', async () => {
    const develop = branch('develop', { b: 'three\n' })
    git('checkout', '--quiet', '--orphan', `apart-${join(there.cache).split('/').at(-1)}`)
    write({ c: 'apart\n' })
    const apart = push('Apart', 'hotfix/apart')
    expect((await tryMerge(asked(apart, develop))).kind).not.toBe('contained')
  })
})

describe('a merge request of a fork', () => {
  it('its head is fetched by the name that the forge gives it', async () => {
    write({ a: 'from a fork\n' })
    git('add', '--all')
    git('commit', '--quiet', '--message', 'From a fork')
    const head = git('rev-parse', 'HEAD')
    git('push', '--quiet', join(there.cache, '..', '..', 'team', 'hello.git'), `${head}:refs/merge-requests/7/head`)
    const commit = await fetchCommit(order(head, { ref: 'refs/merge-requests/7/head' }))
    expect((await commit.readFile('a', 100))?.toString()).toBe('from a fork\n')
  })

  it('one that has moved on is said to be gone', async () => {
    git('push', '--quiet', join(there.cache, '..', '..', 'team', 'hello.git'), `${base}:refs/merge-requests/8/head`)
    const fault = await faultOf(fetchCommit(order('cd'.repeat(20), { ref: 'refs/merge-requests/8/head' })))
    expect(fault.code).toBe('forge.missing')
  })

  it.each(['refs/heads/../x', '--upload-pack=x', 'HEAD', 'refs/a b'])('is never fetched by %j', async (ref) => {
    expect((await faultOf(fetchCommit(order(base, { ref })))).code).toBe('input.invalid')
  })
})

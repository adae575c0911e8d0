import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually, SERVICE, Shiplock } from '../given'

let shiplock: Shiplock
beforeAll(async () => {
  shiplock = await Shiplock.start()
})
afterAll(() => shiplock?.close())

/** Merges a pull request on GitHub, as Noor. @returns what came onto the target */
async function merge(path: string, source: string, target: string, method: 'merge' | 'squash' | 'rebase') {
  const pull = await shiplock.onGithub<{ number: number }>('mia', 'POST', `/${path}/pulls`, {
    head: source,
    base: target,
    title: `Merge ${source}`,
  })
  await eventually('GitHub has looked whether it can be merged', async () => {
    const now = await shiplock.onGithub<{ mergeable: boolean | null }>('noor', 'GET', `/${path}/pulls/${pull.number}`)
    return now.mergeable === true
  })
  await shiplock.onGithub('noor', 'PUT', `/${path}/pulls/${pull.number}/merge`, { merge_method: method })
  const branch = await shiplock.onGithub<{ commit: { sha: string } }>('noor', 'GET', `/${path}/branches/${target}`)
  return branch.commit.sha
}

describe('the same flow on GitHub, beside a project of GitLab', () => {
  const path = 'octo/hello'
  beforeAll(async () => {
    await shiplock.project(SERVICE, 'team/hello')
    await shiplock.project(SERVICE, path, { forge: 'github' })
  })

  it('a push to develop reaches test, and the commit says so', async () => {
    const commit = await shiplock.push('develop', { 'www/index.html': 'octo\n' }, 'develop', path)
    await shiplock.verified(commit, 'test')
    await eventually('GitHub is told', async () => {
      const statuses = await shiplock.onGithub<{ context: string; state: string }[]>(
        'mia',
        'GET',
        `/${path}/commits/${commit}/statuses`,
      )
      return ['shiplock/static', 'shiplock/build', 'shiplock/unit'].every((name) =>
        statuses.some((s) => s.context === name && s.state === 'success'),
      )
    })
  })

  it('a branch with a bad name is refused', async () => {
    const commit = await shiplock.push('fix_stuff', { 'www/index.html': 'x\n' }, 'develop', path)
    expect((await shiplock.endedRun(commit)).status).toBe('refused')
  })

  it.each(['merge', 'squash', 'rebase'] as const)(
    'a release reaches production by a %s, signed, tagged and shown as a deployment',
    async (method) => {
      const branch = `release/${method}`
      // The first brings the service to master; each later one begins there.
      const from = method === 'merge' ? 'develop' : 'master'
      const release = await shiplock.push(branch, { 'www/index.html': `${method}\n` }, from, path)
      const verified = await shiplock.verified(release, 'prerelease')
      const master = await merge(path, branch, 'master', method)
      const asked = await shiplock.waitsFor(master, 'production', 'approvals')
      expect(asked.release.id).toBe(verified.release.id)
      const signed = await shiplock.sign(master)
      expect(signed.observed).toBe(verified.observed)
      await eventually('GitHub shows the deployment', async () => {
        const told = await shiplock.onGithub<{ id: number; sha: string }[]>(
          'mia',
          'GET',
          `/${path}/deployments?environment=production`,
        )
        return told.some((d) => d.sha === master)
      })
      await eventually('the tag is on GitHub', async () => {
        const ref = await shiplock
          .onGithub<{ ref: string }>('mia', 'GET', `/${path}/git/ref/tags/${asked.release.tag}`)
          .catch(() => null)
        return ref !== null
      })
    },
  )

  it('a pull request of a feature into master is told that it may not, and one into develop is merged from the dashboard', async () => {
    const head = await shiplock.push('feature/octo', { 'www/octo.html': 'octo\n' }, 'develop', path)
    await shiplock.onGithub('mia', 'POST', `/${path}/pulls`, {
      head: 'feature/octo',
      base: 'master',
      title: 'Straight',
    })
    await shiplock.onGithub('mia', 'POST', `/${path}/pulls`, {
      head: 'feature/octo',
      base: 'develop',
      title: 'As it should be',
    })
    await shiplock.endedRun(head)
    const requests = await eventually('both are read', async () => {
      const { items } = await shiplock.client.mergeRequests({ limit: '100' })
      const ours = items.filter((m) => m.project.path === path && m.source === 'feature/octo' && m.syncedAt !== null)
      return ours.length === 2 && ours
    })
    expect(requests.find((m) => m.target === 'master')?.pair.ok).toBe(false)
    const right = requests.find((m) => m.target === 'develop')
    await eventually(
      'Noor may merge it',
      async () => (await shiplock.people.noor.mergeRequest(right?.id ?? 0)).can.merge.may,
    )
    await shiplock.people.noor.approveRequest(right?.id ?? 0, head)
    await shiplock.people.noor.mergeRequestNow(right?.id ?? 0, head)
    const merged = await eventually('it is merged', async () => {
      const now = await shiplock.people.noor.mergeRequest(right?.id ?? 0)
      return now.status === 'merged' && now.mergeCommit !== null && now
    })
    await shiplock.verified(merged.mergeCommit ?? '', 'test')
  })
})

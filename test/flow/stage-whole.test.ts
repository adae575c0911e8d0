// Test stages in real containers: a service beside them, a report read, a file kept, a folder that outlives them.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { NAMED } from '../../app/_server/rest/shapes'
import { BUSYBOX, SERVICE, Shiplock } from '../given'

const REPORT =
  "<testsuite name='shop'><testcase name='sells' time='0.5'/><testcase name='refunds'><failure message='no money'>at till</failure></testcase></testsuite>"

const FILE = `service: hello
version: "1.0"
build: { dockerfile: Dockerfile }
stages:
  static:
    image: "${BUSYBOX}"
    run: ["date +%s%N >> /root/kept/runs", "wc -l < /root/kept/runs > times.log"]
    artifacts: ["*.log"]
    cache: [/root/kept]
  integration:
    image: "${BUSYBOX}"
    services:
      db:
        image: "${BUSYBOX}"
        command: [sh, -c, "mkdir /tmp/www && echo rows > /tmp/www/rows && exec httpd -f -p 8080 -h /tmp/www"]
        healthcheck: { test: "wget -qO- http://127.0.0.1:8080/rows", interval: 200ms }
    run: ["wget -qO rows.log http://db:8080/rows", "mkdir reports", ${JSON.stringify(`printf %s "${REPORT}" > reports/a.xml`)}, "exit 3"]
    reports: ["reports/*.xml"]
    artifacts: ["rows.log"]
deploy: { ports: ["8085"] }
`

let shiplock: Shiplock
beforeAll(async () => {
  shiplock = await Shiplock.start()
  await shiplock.project({ ...SERVICE, '.shiplock.yaml': FILE })
}, 90_000)
afterAll(() => shiplock?.close())

const ask = <T>(path: string) => shiplock.client.ask<T>('GET', path)
const fileOf = async (run: number, path: string) => {
  const { items } = NAMED.ArtifactList.parse(await ask(`/runs/${run}/artifacts`))
  const answer = await fetch(`${shiplock.web.url}/api/v1/artifacts/${items.find((f) => f.path === path)?.id}`, {
    headers: { authorization: `Bearer ${shiplock.client.token}` },
  })
  return answer.text()
}

describe('a test stage', () => {
  it('finds its service, and has its report shown and its files kept, also where it fails', async () => {
    const run = await shiplock.endedRun(await shiplock.push('develop', { 'a.txt': 'a' }))
    const stage = run.stages.find((s) => s.name === 'integration')
    expect(stage).toMatchObject({ status: 'failed', exitCode: 3 })
    const tests = NAMED.TestPage.parse(await ask(`/runs/${run.id}/stages/integration/tests`))
    expect(tests.summary).toMatchObject({ total: 2, passed: 1, failed: 1, problems: [] })
    expect(tests.items).toMatchObject([
      { suite: 'shop', name: 'sells', status: 'passed', ms: 500 },
      { suite: 'shop', name: 'refunds', status: 'failed', message: 'no money', output: 'at till' },
    ])
    expect(await fileOf(run.id, 'rows.log')).toBe('rows\n')
  })

  it('finds what an earlier run left in its cache, and nothing that a feature branch left in its own', async () => {
    const feature = await shiplock.endedRun(await shiplock.push('feature/x', { 'a.txt': 'b' }))
    expect((await fileOf(feature.id, 'times.log')).trim()).toBe('1')
    const develop = await shiplock.endedRun(await shiplock.push('develop', { 'a.txt': 'c' }))
    expect(Number(await fileOf(develop.id, 'times.log'))).toBeGreaterThanOrEqual(2)
  })
})

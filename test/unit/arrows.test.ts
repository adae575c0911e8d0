import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'

const root = path.resolve(import.meta.dirname, '../..')
const cruiser = path.join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs')
/** What the arrows are drawn between. scripts/ stands outside: it runs before there is anything to import. */
const FOLDERS = ['app', 'audit', 'bench', 'cli', 'demo', 'environments', 'pipelines', 'prisma', 'test', 'worker']
const MAX_LINES = 400

interface Violation {
  from: string
  to: string
  rule: { name: string }
  comment?: string
}

/** The arrows below `dir` that the rules forbid, as "rule: from → to". */
function wrongArrows(dir: string): string[] {
  const folders = FOLDERS.filter((folder) => fs.existsSync(path.join(dir, folder)))
  const config = path.join(root, '.dependency-cruiser.cjs')
  const args = [cruiser, '--config', config, '--output-type', 'json', ...folders]
  const { stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: dir,
    encoding: 'utf8',
    maxBuffer: 64e6,
    timeout: 30_000,
  })
  if (!stdout.startsWith('{')) throw new Error(stderr || stdout)
  const { summary } = JSON.parse(stdout) as { summary: { violations: Violation[] } }
  return summary.violations.map((v) => `${v.rule.name}: ${v.from} → ${v.to}`).sort()
}

/** A tree of its own with these imports, one file each: { 'app/a.ts': ['../worker/b'] }. */
function planted(imports: Record<string, string[]>): string {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'shiplock-arrows-'))
  onTestFinished(() => fs.rmSync(dir, { recursive: true, force: true }))
  for (const [file, targets] of Object.entries(imports)) {
    fs.mkdirSync(path.join(dir, path.dirname(file)), { recursive: true })
    const jsx = file.endsWith('x') ? 'export const Page = () => <a>read by its name</a>\n' : ''
    fs.writeFileSync(path.join(dir, file), `${targets.map((t) => `import '${t}'\n`).join('')}export {}\n${jsx}`)
  }
  return dir
}

describe('the import arrows', { timeout: 30_000 }, () => {
  it('all point the right way', () => {
    expect(wrongArrows(root)).toEqual([])
  })

  it('are seen when they point the wrong way', () => {
    const dir = planted({
      'prisma/client.ts': [],
      'prisma/record.ts': ['../app/page', '../pipelines/execute', '../pipelines/run'],
      'pipelines/run.ts': ['./execute', 'zod', './fault'],
      'pipelines/fault.ts': ['node:fs'],
      'pipelines/execute.ts': ['../environments/cut'],
      'pipelines/forges/gitlab.ts': ['../../prisma/client', './gitlab-webhook', '../fault'],
      'pipelines/forges/gitlab-webhook.ts': [],
      'environments/cut.ts': ['../worker/main', '../test/given', '../pipelines/plan'],
      'environments/targets/docker.ts': ['dockerode', './docker-health'],
      'environments/targets/docker-health.ts': [],
      'environments/targets/index.ts': ['./docker'],
      'pipelines/plan.ts': [],
      'app/page.ts': ['../worker/main', 'bullmq', './runs/read'],
      'app/runs/read.ts': ['../../environments/targets/index', '../../prisma/client'],
      'app/_ui/button.tsx': ['../../prisma/client', '../runs/read', '../../pipelines/fault'],
      'worker/main.ts': ['../cli/up', 'bullmq'],
      'cli/up.ts': [],
      'test/given.ts': ['../worker/main'],
    })
    const found = wrongArrows(dir)
    const arrow = (rule: string, from: string, to: string) =>
      expect.stringMatching(new RegExp(`^${rule}: ${from}.* → .*${to}`))
    for (const wrong of [
      arrow('record-is-a-leaf', 'prisma/record.ts', 'app/page.ts'),
      arrow('record-is-a-leaf', 'prisma/record.ts', 'pipelines/execute.ts'),
      arrow('noun-is-pure', 'pipelines/run.ts', 'pipelines/execute.ts'),
      arrow('noun-is-pure', 'pipelines/fault.ts', 'fs'),
      arrow('pipelines-know-no-environment', 'pipelines/execute.ts', 'environments/cut.ts'),
      arrow('driver-knows-its-interface-alone', 'pipelines/forges/gitlab.ts', 'prisma/client.ts'),
      arrow('environments-know-no-runner', 'environments/cut.ts', 'worker/main.ts'),
      arrow('nobody-imports-tests', 'environments/cut.ts', 'test/given.ts'),
      arrow('app-stands-alone', 'app/page.ts', 'worker/main.ts'),
      arrow('app-holds-no-queue-and-no-engine', 'app/page.ts', 'bullmq'),
      arrow('app-holds-no-queue-and-no-engine', 'app/runs/read.ts', 'dockerode'),
      arrow('ui-reads-nothing', 'app/_ui/button.tsx', 'prisma/client.ts'),
      arrow('ui-reads-nothing', 'app/_ui/button.tsx', 'app/runs/read.ts'),
      arrow('worker-stands-alone', 'worker/main.ts', 'cli/up.ts'),
    ]) {
      expect(found).toContainEqual(wrong)
    }
    // What may be: a test on anything, the worker on the queue, a driver on its own folder, a noun on zod and nouns, a composition on verbs.
    const allowed = [
      /^[^:]*: test\//,
      /: worker\/main.ts → .*bullmq/,
      /gitlab-webhook|docker-health/,
      /→ .*zod/,
      /: environments\/.* → pipelines\/plan/,
    ]
    for (const right of allowed) expect(found.filter((f) => right.test(f))).toEqual([])
  })
})

describe('the tree', () => {
  // What git knows or would take: a build's output is not ours.
  const files = spawnSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  })
    .stdout.split('\0')
    .filter((file) => file !== '' && fs.existsSync(path.join(root, file)))

  it('has no drawer for things without a name', () => {
    const drawer = /(^|\/)(utils?|helpers?|common|shared|misc|lib|services|managers)(\/|\.[cm]?[jt]sx?$)/
    expect(files.filter((file) => drawer.test(file) && !file.startsWith('test/fixtures/'))).toEqual([])
  })

  it(`has no file of more than ${MAX_LINES} lines`, () => {
    // Tests are lists of cases and are not read from top to bottom.
    const code = files.filter((file) => /\.([cm]?[jt]sx?|css)$/.test(file) && !file.startsWith('test/'))
    expect(code.length).toBeGreaterThan(10)
    const lines = (file: string) => fs.readFileSync(path.join(root, file), 'utf8').split('\n').length
    expect(code.filter((file) => lines(file) > MAX_LINES)).toEqual([])
  })
})

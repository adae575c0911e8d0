import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { APPROVAL } from '../../environments/approval'
import { PASSKEY } from '../../environments/passkey'
import { POLICY_CHANGE } from '../../environments/policy-change'
import { PROMOTION } from '../../environments/promotion'
import { BACK_MERGE } from '../../pipelines/back-merge'
import { MERGE_ACTION, MERGE_REQUEST } from '../../pipelines/merge-request'
import { PROJECT } from '../../pipelines/project'
import { RUN, STAGE } from '../../pipelines/run'
import { TAG } from '../../pipelines/tag'
import { WEB_ARROWS, WORKER_KINDS } from '../../prisma/arrows'
import { WEB } from '../../prisma/rights'

const root = path.resolve(import.meta.dirname, '../..')
const read = (file: string) => readFileSync(path.join(root, file), 'utf8')

/** Our own files that the web process loads. */
function reachable(): Set<string> {
  const pages = readdirSync(path.join(root, 'app'), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file))
    .map((file) => path.join('app', file))
  const seen = new Set<string>()
  const open = [...pages]
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (seen.has(file) || file.includes('generated')) continue
    seen.add(file)
    const dir = path.dirname(file)
    for (const [, to = ''] of read(file).matchAll(/from '(\.[^']+)'/g))
      for (const end of ['.ts', '.tsx', '/index.ts', ''])
        if (/\.tsx?$/.test(to + end) && existsSync(path.join(root, dir, to + end))) open.push(path.join(dir, to + end))
  }
  return seen
}

interface Deed {
  file: string
  table: string
  deed: 'insert' | 'update' | 'delete'
  columns: string[]
}

const names = (list: string) => [...list.matchAll(/"?([a-zA-Z]+)"?/g)].map((m) => m[1] ?? '')
const COLUMNS_OF_SET = /(?:^|,)\s*"?([a-zA-Z]+)"? = /g

/** The text until what `open` began is closed again. */
function upToBalance(text: string, open: string, close: string): string {
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    if (text[i] === open) depth++
    if (text[i] === close && --depth === 0) return text.slice(0, i + 1)
  }
  return text
}

/** Statements as they stand in the code, and the columns that `record` is asked to set. */
function deedsOf(file: string): Deed[] {
  const text = read(file)
  const deeds: Deed[] = []
  for (const [, table = '', list = ''] of text.matchAll(/INSERT INTO "(\w+)"(?: AS \w+)?\s*\(([^)]*)\)/g))
    deeds.push({ file, table, deed: 'insert', columns: names(list) })
  for (const [, table = '', list = ''] of text.matchAll(/UPDATE "(\w+)"(?: \w+)? SET ([\s\S]*?)(?: FROM | WHERE |`)/g))
    deeds.push({ file, table, deed: 'update', columns: [...list.matchAll(COLUMNS_OF_SET)].map((m) => m[1] ?? '') })
  for (const [, table = '', list = ''] of text.matchAll(
    /INSERT INTO "(\w+)"[^`]*?ON CONFLICT[^`]*?DO UPDATE SET ([^`]*?)(?:WHERE|RETURNING|`)/g,
  ))
    deeds.push({ file, table, deed: 'update', columns: [...list.matchAll(COLUMNS_OF_SET)].map((m) => m[1] ?? '') })
  for (const [, table = ''] of text.matchAll(/DELETE FROM "(\w+)"/g))
    deeds.push({ file, table, deed: 'delete', columns: [] })
  // A promotion is moved by a function of its own, which records.
  for (const { 1: subject = 'promotion', index } of text.matchAll(
    /(?:record\(\s*\w+,\s*'(\w+)'|(?<!function )movePromotion\(\s*\w+,)/g,
  )) {
    const call = upToBalance(text.slice(index), '(', ')')
    const at = call.indexOf('set: {')
    const set = at < 0 ? '' : upToBalance(call.slice(at), '{', '}')
    const columns = [...set.slice(5).matchAll(/(\w+)(?=: )|(?<=[{,]\s*)(\w+)(?=\s*[,}])/g)].map(
      (m) => m[1] ?? m[2] ?? '',
    )
    const table = `${subject[0]?.toUpperCase()}${subject.slice(1)}`
    deeds.push({ file, table, deed: 'update', columns: ['status', 'because', ...columns.filter((c) => c !== 'json')] })
  }
  return deeds
}

const granted = (list: string | undefined, column: string) => list === '*' || (list ?? '').split(' ').includes(column)

function refused({ table, deed, columns }: Deed): boolean {
  const rights = WEB[table] ?? {}
  if (deed === 'delete') return rights.delete !== true
  return columns.length === 0 ? rights[deed] === undefined : columns.some((c) => !granted(rights[deed], c))
}

/** In files that the web process loads for something else. */
const WORKERS_ALONE = [
  'environments/request.ts: update Run',
  'pipelines/stage-results.ts: delete Artifact',
  'pipelines/stage-results.ts: delete TestCase',
  'pipelines/stage-results.ts: insert Artifact',
  'pipelines/stage-results.ts: insert TestCase',
  'pipelines/stage-results.ts: update Stage',
]

describe('the rights of the web process', () => {
  const deeds = [...reachable()].flatMap(deedsOf)

  it('are enough for every statement that it can reach, and that is not a worker’s alone', () => {
    const found = deeds.filter(refused).map((d) => `${d.file}: ${d.deed} ${d.table}`)
    expect([...new Set(found)].sort()).toEqual(WORKERS_ALONE)
  })

  it('are held against statements, and against what is recorded', () => {
    const seen = (wanted: Partial<Deed>) => expect(deeds).toContainEqual(expect.objectContaining(wanted))
    seen({ file: 'environments/request.ts', table: 'Promotion', deed: 'insert' })
    seen({
      file: 'environments/end-promotion.ts',
      table: 'Promotion',
      deed: 'update',
      columns: ['status', 'because', 'attempts', 'dueAt', 'finishedAt', 'ask', 'retriedById'],
    })
    seen({ file: 'pipelines/accept.ts', table: 'BranchHead', deed: 'update', columns: ['commit', 'seenAt'] })
    seen({ file: 'app/_server/session.ts', table: 'Session', deed: 'delete' })
    expect(refused({ file: '', table: 'Release', deed: 'update', columns: ['refusedAt', 'digest'] })).toBe(true)
    expect(refused({ file: '', table: 'Release', deed: 'update', columns: ['refusedAt'] })).toBe(false)
  })
})

const MACHINES: Record<string, Readonly<Record<string, Readonly<Record<string, string>>>>> = {
  Run: RUN,
  Stage: STAGE,
  Promotion: PROMOTION,
  Project: PROJECT,
  MergeRequest: MERGE_REQUEST,
  MergeAction: MERGE_ACTION,
  Tag: TAG,
  BackMerge: BACK_MERGE,
  Approval: APPROVAL,
  PolicyChange: POLICY_CHANGE,
  Passkey: PASSKEY,
}
const subjectOf = (table: string) => `${table[0]?.toLowerCase()}${table.slice(1)}`
const words = (text: string) => text.split(/\s+/).filter((word) => word !== '')

/** Arrows of code that the web process loads for something else, and does not run. */
const NOT_RUN = [
  'pipelines/advance.ts: stage.admit',
  'pipelines/advance.ts: stage.skip',
  'pipelines/explained-run.ts: run.disown',
]

/** Written beside a row that the web process makes; also the name of a worker's arrow. */
const OF_BOTH = ['run.refuse', 'mergeRequest.merge']

describe('the arrows of the web process', () => {
  it('are arrows of the state machines', () => {
    expect(Object.keys(WEB_ARROWS).sort()).toEqual(Object.keys(MACHINES).sort())
    for (const [table, text] of Object.entries(WEB_ARROWS))
      for (const arrow of words(text)) {
        const [from = '', to = ''] = arrow.split('>')
        const machine = MACHINES[table] ?? {}
        expect(from === '' ? Object.keys(machine) : Object.values(machine[from] ?? {}), `${table} ${arrow}`).toContain(
          to,
        )
      }
  })

  it('are all that it is asked to take, by name', () => {
    const taken = [...reachable()].flatMap((file) =>
      [...read(file).matchAll(/(record|advanceStage|movePromotion)\(\s*\w+,\s*(?:'(\w+)')?/g)].flatMap(
        ({ 1: verb, 2: named, index }) => {
          const call = upToBalance(read(file).slice(index), '(', ')')
          const event = call.match(/event: '([\w-]+)'/)?.[1]
          const subject = named ?? (verb === 'movePromotion' ? 'promotion' : 'stage')
          return event === undefined ? [] : [`${file}: ${subject}.${event}`]
        },
      ),
    )
    const refusedToIt = taken.filter((one) => WORKER_KINDS.includes(one.split(': ')[1] ?? ''))
    expect([...new Set(refusedToIt)].sort()).toEqual(NOT_RUN)
    expect(taken).toEqual(
      expect.arrayContaining(['pipelines/cancel.ts: run.cancel', 'environments/take-back.ts: approval.withdraw']),
    )
  })

  it('are named by entries that it may write; all other entries of a status are a worker’s', () => {
    const mine = new Set(OF_BOTH)
    const all = new Set<string>()
    for (const [table, machine] of Object.entries(MACHINES))
      for (const [from, events] of Object.entries(machine))
        for (const [event, to] of Object.entries(events)) {
          const kind = `${subjectOf(table)}.${event}`
          all.add(kind)
          if (words(WEB_ARROWS[table] ?? '').includes(`${from}>${to}`)) mine.add(kind)
        }
    const ofWorkers = [...all].filter((kind) => !mine.has(kind))
    expect(ofWorkers.filter((kind) => !WORKER_KINDS.includes(kind))).toEqual([])
    expect([...mine].filter((kind) => WORKER_KINDS.includes(kind))).toEqual([])
  })

  it('an entry that only workers’ files write is a worker’s', () => {
    const loaded = reachable()
    const files = ['environments', 'pipelines', 'worker', 'audit'].flatMap((dir) =>
      readdirSync(path.join(root, dir), { encoding: 'utf8' })
        .filter((file) => file.endsWith('.ts'))
        .map((file) => path.join(dir, file)),
    )
    const kinds = (file: string) => [...read(file).matchAll(/kind: '([a-zA-Z]+\.[a-z-]+)'/g)].map((m) => m[1] ?? '')
    const webs = new Set([...loaded].flatMap(kinds))
    const workers = files.filter((file) => !loaded.has(file)).flatMap(kinds)
    expect(workers.length).toBeGreaterThan(5)
    expect(workers.filter((kind) => !webs.has(kind) && !WORKER_KINDS.includes(kind))).toEqual([])
  })
})

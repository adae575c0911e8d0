import { describe, expect, it } from 'vitest'
import { localeFor } from '../../app/_i18n/locale'
import en from '../../app/_messages/en.json'
import zhCN from '../../app/_messages/zh-CN.json'
import { LOOKS } from '../../app/_ui/status'
import { GATES } from '../../environments/gate'
import { PROMOTION } from '../../environments/promotion'
import { BACK_MERGE } from '../../pipelines/back-merge'
import { MERGE_ACTION, MERGE_REQUEST } from '../../pipelines/merge-request'
import { PROJECT } from '../../pipelines/project'
import { RUN, STAGE, STAGE_NAMES } from '../../pipelines/run'
import { TAG } from '../../pipelines/tag'

const MACHINES = [RUN, STAGE, PROMOTION, PROJECT, MERGE_REQUEST, MERGE_ACTION, TAG, BACK_MERGE]

type Tree = { [key: string]: string | Tree }
const flat = (tree: Tree, path = ''): [string, string][] =>
  Object.entries(tree).flatMap(([key, value]) =>
    typeof value === 'string' ? [[`${path}${key}`, value] as [string, string]] : flat(value, `${path}${key}.`),
  )
/** Without the braces around the forms of a plural: what stands in them is text. */
const spoken = (text: string) =>
  text.replaceAll(/(?<=[\s,}])(?:zero|one|two|few|many|other|=\d+) \{((?:[^{}]|\{\w+\})*)\}/g, '$1')
const names = (text: string) => [...new Set([...spoken(text).matchAll(/\{(\w+)/g)].map((m) => m[1]))].sort()

describe('words', () => {
  it('are there in both languages, with the same places to fill', () => {
    const chinese = new Map(flat(zhCN))
    expect([...chinese.keys()].sort()).toEqual(
      flat(en)
        .map(([key]) => key)
        .sort(),
    )
    for (const [key, text] of flat(en)) expect(names(chinese.get(key) ?? ''), key).toEqual(names(text))
  })

  it('name every status, with a look of its own, every stage and every gate', () => {
    const statuses = MACHINES.flatMap((machine) => Object.keys(machine))
    for (const status of [...statuses, 'accepted', 'ignored', 'duplicate']) {
      expect(Object.keys(LOOKS), status).toContain(status)
      expect(Object.keys(en.status), status).toContain(status)
    }
    for (const stage of STAGE_NAMES) expect(Object.keys(en.stage)).toContain(stage)
    for (const gate of Object.keys(GATES)) expect(Object.keys(en.gate)).toContain(gate)
  })
})

describe('the language', () => {
  it.each([
    ['zh-CN', 'en', 'zh-CN'],
    [undefined, 'zh-TW,zh;q=0.9,en;q=0.8', 'zh-CN'],
    [undefined, 'fr,en;q=0.5,zh;q=0.9', 'zh-CN'],
    [undefined, 'fr', 'en'],
    ['../../etc', null, 'en'],
  ] as const)('cookie %s and Accept-Language %s make %s', (cookie, header, locale) => {
    expect(localeFor(cookie, header)).toBe(locale)
  })
})

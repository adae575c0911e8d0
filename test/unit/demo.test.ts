import { describe, expect, it } from 'vitest'
import type { PromotionDetail } from '../../app/promotions/shapes'
import type { RunDetail } from '../../app/shapes'
import { Client } from '../../demo/client'
import { readOptions } from '../../demo/options'
import { maySign, succeeded } from '../../demo/watch'

describe('the demo’s options', () => {
  it.each([
    [[], { exit: false, json: null }],
    [['--exit', '--json', 'out.json'], { exit: true, json: 'out.json' }],
    [['--json=-'], { exit: false, json: '-' }],
  ])('%j is taken', (args, options) => expect(readOptions(args)).toEqual(options))

  it.each([
    [['--port', '3'], 'there is no option --port'],
    [['-x'], 'there is no option -x'],
    [['now'], 'no use for "now"'],
    [['--json'], '--json needs the name of a file'],
    [['--json', '--exit'], '--json needs the name of a file'],
    [['--exit=no'], '--exit takes no value'],
  ])('%j is one sentence, and exit code 2', (args, words) => {
    const answer = readOptions(args)
    expect(answer).toMatchObject({ code: 2, say: expect.stringContaining(words) })
    expect(answer).toMatchObject({ say: expect.stringMatching(/^demo: [^\n]+$/) })
  })

  it('--help says them', () => expect(readOptions(['--help'])).toMatchObject({ code: 0 }))
})

/** Answers in turn, the last one again and again. */
function scripted<T>(answers: readonly T[]): () => Promise<T> {
  let asked = 0
  return async () => answers[Math.min(asked++, answers.length - 1)] as T
}

describe('the demo', () => {
  it('asks for a signature only once the promotion may be signed', async () => {
    const client = new Client('http://nowhere.invalid', '')
    const may = (is: boolean) =>
      ({
        status: 'waiting',
        can: { approve: { may: is, because: is ? '' : 'look again in a moment' } },
      }) as PromotionDetail
    client.promotion = scripted([may(false), may(false), may(true)])
    expect((await maySign(client, 9, 'Omar')).can.approve.may).toBe(true)
  })

  it('says the last lines of the stage that failed', async () => {
    const client = new Client('http://nowhere.invalid', '')
    const stage = { name: 'integration', status: 'failed', because: 'node --test exited with 1', ms: 1 }
    const run = { id: 4, branch: 'develop', commit: 'c1', status: 'failed', because: 'integration failed' }
    const whole = { ...run, stages: [stage], waiting: null, finishedAt: 'now' } as unknown as RunDetail
    client.runs = async () => ({ items: [whole], next: null })
    client.run = async () => whole
    client.stageLog = async (of, id, name) => ({
      text: `${'noise\n'.repeat(100)}${of} ${id} ${name}: a visitor is greeted: not ok\n`,
      status: 'failed',
      next: '',
      more: false,
      attempt: 1,
      gaps: [],
    })
    await expect(succeeded(client, 'develop', 'c1')).rejects.toThrow(
      /^run #4 failed: integration failed\n\nThe last lines of integration:\n( {2}noise\n){19} {2}runs 4 integration: a visitor is greeted: not ok/,
    )
  })
})

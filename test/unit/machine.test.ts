import { describe, expect, it } from 'vitest'
import { PROMOTION } from '../../environments/promotion'
import { BACK_MERGE } from '../../pipelines/back-merge'
import { isFinal, next } from '../../pipelines/machine'
import { MERGE_ACTION, MERGE_REQUEST } from '../../pipelines/merge-request'
import { PROJECT } from '../../pipelines/project'
import { foldStages, RUN, STAGE, type StageStatus } from '../../pipelines/run'
import { TAG } from '../../pipelines/tag'

const MACHINES = { RUN, STAGE, PROMOTION, PROJECT, MERGE_REQUEST, MERGE_ACTION, TAG, BACK_MERGE }
const FINAL = {
  RUN: ['failed', 'canceled', 'refused', 'superseded'],
  STAGE: ['succeeded', 'failed', 'skipped', 'canceled'],
  PROMOTION: ['verified', 'refused', 'superseded', 'canceled'],
  PROJECT: [],
  MERGE_REQUEST: ['merged'],
  MERGE_ACTION: ['done', 'refused', 'canceled'],
  TAG: [],
  BACK_MERGE: ['merged', 'unneeded'],
}

describe('the state machines', () => {
  it.each(Object.entries(MACHINES))('%s: every arrow ends in a status of the same table', (_name, table) => {
    for (const events of Object.values(table))
      for (const to of Object.values(events)) expect(Object.keys(table)).toContain(to)
  })
  it.each(Object.entries(MACHINES))('%s: no arrow leaves a final status, and every other has one', (name, table) => {
    expect(Object.keys(table).filter((s) => isFinal(table, s))).toEqual(FINAL[name as keyof typeof FINAL])
  })
  it.each(Object.entries(MACHINES))('%s, as printed', (_name, table) => expect(table).toMatchSnapshot())
  it('an arrow that is not in the table leads nowhere', () => {
    expect(next(STAGE, 'succeeded', 'claim')).toBeUndefined()
    expect(next(STAGE, 'queued', 'claim')).toBe('running')
  })
})

describe('a run is as bad as its worst stage', () => {
  const cases: [StageStatus[], string][] = [
    [['succeeded', 'succeeded'], 'succeeded'],
    [['succeeded', 'skipped'], 'succeeded'],
    [['succeeded', 'running', 'pending'], 'running'],
    [['succeeded', 'queued'], 'running'],
    [['succeeded', 'pending'], 'running'],
    [['failed', 'skipped'], 'failed'],
    [['errored', 'pending'], 'errored'],
    [['failed', 'errored'], 'errored'],
    [['canceled', 'succeeded'], 'canceled'],
    [['failed', 'canceled'], 'failed'],
  ]
  it.each(cases)('%j make it %s', (stages, status) => expect(foldStages(stages)).toBe(status))
})

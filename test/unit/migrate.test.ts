import { describe, expect, it } from 'vitest'
import { type Applied, type Migration, readMigrations, toApply } from '../../prisma/migrate'

const file = (name: string, checksum = `sum of ${name}`): Migration => ({ name, sql: '', checksum })
const row = (name: string, checksum = `sum of ${name}`, finished_at: Date | null = new Date(0)): Applied => ({
  migration_name: name,
  checksum,
  finished_at,
})

describe('which migrations are still to be applied', () => {
  it('all of them on an empty database, in order', () => {
    expect(toApply([file('1'), file('2')], []).map((m) => m.name)).toEqual(['1', '2'])
  })
  it('only those that are missing', () => {
    expect(toApply([file('1'), file('2')], [row('1')]).map((m) => m.name)).toEqual(['2'])
  })
  it('none on a database that a newer Shiplock has changed', () => {
    expect(() => toApply([file('1')], [row('1'), row('2')])).toThrow(
      'the database is newer than this Shiplock (it has 2)',
    )
  })
  it('none where one failed half-way', () => {
    expect(() => toApply([file('1')], [row('1', 'sum of 1', null)])).toThrow('migration 1 failed half-way')
  })
  it('none where one was edited afterwards', () => {
    expect(() => toApply([file('1', 'other')], [row('1')])).toThrow('migration 1 was edited after it was applied')
  })
})

it('the migrations of this version can be read, and their names order them', () => {
  const names = readMigrations().map((m) => m.name)
  expect(names[0]).toMatch(/^\d{14}_the_line$/)
  expect(names.every((n) => /^\d{14}_[a-z0-9_]+$/.test(n))).toBe(true)
})

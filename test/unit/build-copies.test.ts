import { describe, expect, it } from 'vitest'
import { assign, type Folder } from '../../pipelines/engines/docker-build-copies'

// Which folder an instruction has written, by its times alone.

const folder = (name: string, made: number, changed: number, bytes: number): Folder => ({ name, made, changed, bytes })
const names = (found: (Folder | null)[]) => found.map((one) => one?.name ?? null)

describe('the folders that COPY writes', () => {
  it('C7: are those that were made and last changed while it ran', () => {
    const folders = [
      folder('before', 900, 950, 5),
      folder('own', 1_010, 4_900, 50),
      folder('after', 5_100, 5_200, 5),
      folder('outlives it', 1_020, 5_300, 5),
    ]
    expect(names(assign([{ started: 1_000, completed: 5_000 }], folders))).toEqual(['own'])
  })

  it('C7: are each of one instruction alone, and all that there are where nothing else copies', () => {
    const both = [
      { started: 1_000, completed: 2_000 },
      { started: 1_001, completed: 2_000 },
    ]
    expect(names(assign(both, [folder('a', 1_010, 1_900, 7), folder('b', 1_011, 1_900, 9)])).sort()).toEqual(['a', 'b'])
    expect(names(assign(both, [folder('a', 1_010, 1_900, 7)]))).toEqual(['a', null])
  })

  it('C7: are the smallest where another build copies at the same time: no build is blamed for it', () => {
    const running = [{ started: 1_000, completed: null }]
    expect(names(assign(running, [folder('large', 1_010, 4_000, 900), folder('small', 1_015, 1_020, 1)]))).toEqual([
      'small',
    ])
  })

  it('C7: cannot be hidden behind a small one that was done long before', () => {
    const ended = [{ started: 1_000, completed: 9_000 }]
    expect(names(assign(ended, [folder('large', 1_010, 8_900, 900), folder('small', 1_015, 1_020, 1)]))).toEqual([
      'large',
    ])
  })
})

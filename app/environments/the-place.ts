import { notFound } from 'next/navigation'
import { cache } from 'react'
import { isFault } from '../../pipelines/fault'
import { theRecord } from '../_server/record'
import type { EnvironmentShape } from '../shapes'
import { readPlace } from './read'

/** The environment that a page's address names, read once for each page; where there is none, there is no page. */
export const thePlace = cache(async (id: string): Promise<EnvironmentShape> => {
  try {
    return await readPlace(theRecord(), /^\d{1,10}$/.test(id) ? Number(id) : 0)
  } catch (error) {
    if (isFault(error) && error.code === 'not.found') notFound()
    throw error
  }
})

import type { RestRoute } from './route'

export const MERGE_REQUESTS: readonly RestRoute[] = []

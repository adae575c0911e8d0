import type { RestRoute } from './route'

export const TESTS: readonly RestRoute[] = []

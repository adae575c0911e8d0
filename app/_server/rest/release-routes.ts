import type { RestRoute } from './route'

export const RELEASES: readonly RestRoute[] = []

import type { RestRoute } from './route'

export const PROMOTIONS: readonly RestRoute[] = []

import type { RestRoute } from './route'

export const PEOPLE: readonly RestRoute[] = []

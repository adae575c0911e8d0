// The emergency stop, overrides and reviews.
import type { RestRoute } from './route'

export const STOPS: RestRoute[] = []

// What leaves the house: exports of the trail, bundles and dossiers of releases.
import type { RestRoute } from './route'

export const EXPORTS: RestRoute[] = []

import type { TrailEntry } from './shapes'

const PAGES: Readonly<Record<string, string>> = {
  run: '/runs',
  promotion: '/promotions',
  release: '/releases',
  project: '/projects',
  mergeRequest: '/merge-requests',
  delivery: '/deliveries',
  environment: '/environments',
}

/** The page of what an entry is about; null where it has none. */
export function pageOf({ subject, run }: TrailEntry): string | null {
  if (subject.kind === 'stage') return run === null ? null : `/runs/${run}`
  const page = PAGES[subject.kind]
  return page === undefined ? null : `${page}/${subject.id}`
}

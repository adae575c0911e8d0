// What a stage's JUnit reports come to. Shapes only.
export type CaseStatus = 'passed' | 'failed' | 'errored' | 'skipped'

export interface TestCase {
  suite: string
  name: string
  status: CaseStatus
  ms: number
  message: string
  /** Of a case that did not pass; bounded. */
  output: string
}

/** Stored with the stage. `problems`: reports that could not be read, and why; `dropped`: cases beyond what is kept. */
export interface TestSummary {
  total: number
  passed: number
  failed: number
  errored: number
  skipped: number
  ms: number
  files: number
  dropped: number
  problems: string[]
}

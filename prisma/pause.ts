// How long to wait before something that failed is tried again. Pure.

const FIRST_MS = 100
const LONGEST_MS = 5_000

/**
 * Grows with each failure, to five seconds at most, and differs from process to process, so that all of them do not come back
 * at the same moment.
 * @param failures how often it failed in a row, from 1 on
 */
export function pauseMs(failures: number, random: () => number = Math.random): number {
  const most = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(Math.max(failures, 1) - 1, 16))
  return Math.round(most * (0.5 + random() / 2))
}

// How a worker divides its connections to the database, and how many workers a server has room for. Pure.

export interface Share {
  /** Statements of the work itself. */
  record: number
  /** The queue's; none where it lies on Redis. */
  queue: number
}

/** One connection listens; a third of the rest is the queue's, so that neither can keep the other waiting for ever. */
export function shareOf(connections: number, redis: boolean): Share {
  const rest = connections - 1
  const queue = redis ? 0 : Math.max(1, Math.floor(rest / 3))
  return { record: rest - queue, queue }
}

/** @param available what the server gives to ordinary roles; @param web what one web process may take */
export const roomFor = (available: number, web: number, connections: number) =>
  Math.max(0, Math.floor((available - web) / connections))

// Stands in for pgbench where there is none: prepared single-row inserts, one after the other on each connection.
import pg from 'pg'

interface Order {
  url: string
  body: string
  seconds: number
  clients: number
}

async function insert({ url, body, seconds, clients }: Order): Promise<{ perSecond: number }> {
  const open = await Promise.all(
    Array.from({ length: clients }, async () => {
      const client = new pg.Client({ connectionString: url })
      await client.connect()
      return client
    }),
  )
  let rows = 0
  const begun = performance.now()
  const end = begun + seconds * 1000
  await Promise.all(
    open.map(async (client) => {
      while (performance.now() < end) {
        await client.query({ name: 'insert', text: 'INSERT INTO bench_row (body) VALUES ($1)', values: [body] })
        rows += 1
      }
    }),
  )
  const perSecond = (rows * 1000) / (performance.now() - begun)
  await Promise.all(open.map((client) => client.end()))
  return { perSecond }
}

process.once('message', (order: Order) => {
  insert(order).then(
    (result) => process.send?.(result, () => process.exit(0)),
    (error: unknown) => {
      console.error(error)
      process.exit(1)
    },
  )
})
process.once('disconnect', () => process.exit(0))

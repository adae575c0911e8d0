// Against the environment that the release was just deployed to: many requests at once, and none may fail.
const base = process.env.SHIPLOCK_URL ?? 'http://127.0.0.1:8085'
const REQUESTS = Number(process.env.REQUESTS || 600)
const AT_ONCE = 20

let next = 0
let failed = 0
const times = []
async function visitor() {
  while (next++ < REQUESTS) {
    const from = performance.now()
    const answer = await fetch(`${base}/?name=${next}`).catch(() => null) // no answer is a failure like any other
    if (answer?.status !== 200 || !(await answer.text()).includes('</html>')) failed++
    times.push(performance.now() - from)
  }
}
await Promise.all(Array.from({ length: AT_ONCE }, visitor))
times.sort((a, b) => a - b)
const at = (share) => times[Math.floor(times.length * share)].toFixed(0)
console.log(
  `${times.length} requests, ${AT_ONCE} at once: median ${at(0.5)} ms, 99 of 100 within ${at(0.99)} ms, ${failed} failed`,
)
if (failed > 0) process.exit(1)

/**
 * Counts visits in a store over HTTP, where there is one: POST /visits answers the new number.
 * A store that does not answer is no reason to greet nobody: then the number is unknown.
 */
export async function countVisit(store = process.env.STORE_URL ?? '') {
  if (store === '') return null
  try {
    const answer = await fetch(`${store}/visits`, { method: 'POST', signal: AbortSignal.timeout(1000) })
    return answer.ok ? Number(await answer.text()) : null
  } catch (error) {
    console.error(`the store does not answer: ${error.message}`)
    return null
  }
}

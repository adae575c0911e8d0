// What a single policy cannot know: whether it fits beside the others, and whether there are people for its rules. Pure.
import type { EnvironmentPolicy } from './environment'

type Placed = Pick<EnvironmentPolicy, 'name' | 'after'>

/** Why a policy cannot take the place of the one called `name`, one sentence each. `others`: the project's other ones. */
export function whatDoesNotFit(name: string, wanted: Placed, others: readonly Placed[]): string[] {
  const problems: string[] = []
  if (wanted.name !== name)
    problems.push(`name: this is ${name}, and stays so; what is promoted finds it by its name, not ${wanted.name}`)
  if (wanted.after !== undefined && !others.some((o) => o.name === wanted.after))
    problems.push(
      `after: the project has no environment ${wanted.after}; it has ${others.map((o) => o.name).join(', ') || 'no other'}`,
    )
  const circle = circleOf(name, wanted.after, others)
  if (circle !== null) problems.push(`after: they would go round in a circle: ${circle.join(' after ')}`)
  return problems
}

function circleOf(name: string, after: string | undefined, others: readonly Placed[]): string[] | null {
  const walked = [name]
  for (let at = after; at !== undefined; at = others.find((o) => o.name === at)?.after) {
    walked.push(at)
    if (at === name) return walked
    if (walked.length > others.length + 2) return null // a circle of the others: not what is asked for here
  }
  return null
}

/** Somebody with an account that is not disabled, and what they hold there. */
export interface Holder {
  roles: readonly string[]
  /** Roles that an admitted passkey of theirs may sign as. */
  passkeyRoles: readonly string[]
}

type Rule = EnvironmentPolicy['approvals'][number]

/** Rules that the people who are there now cannot satisfy, with how many could be found; one person for one rule. */
export function whatCannotHold(rules: readonly Rule[], people: readonly Holder[]): { rule: Rule; found: number }[] {
  const slots = rules.flatMap((rule, at) => Array.from({ length: rule.count }, () => ({ rule, at })))
  const fits = (rule: Rule, who: Holder) =>
    who.roles.includes(rule.role) && (rule.passkey !== 'required' || who.passkeyRoles.includes(rule.role))
  const slotOf = new Map<number, number>()
  // One after the other, each takes a person, and whoever had that person looks for another one.
  const seat = (slot: number, asked: Set<number>): boolean => {
    const rule = slots[slot]?.rule
    if (rule === undefined) return false
    return people.some((who, at) => {
      if (asked.has(at) || !fits(rule, who)) return false
      asked.add(at)
      const other = slotOf.get(at)
      if (other !== undefined && !seat(other, asked)) return false
      slotOf.set(at, slot)
      return true
    })
  }
  const seated = slots.map((_, slot) => seat(slot, new Set()))
  return rules.flatMap((rule, at) => {
    const found = slots.filter((s, i) => s.at === at && seated[i]).length
    return found < rule.count ? [{ rule, found }] : []
  })
}

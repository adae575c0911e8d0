// Does an answer still stand? Asked by the worker before it acts, of the bytes that were agreed to, and never of a status that
// somebody could have written.
import { checkAssertion } from '../audit/assertion'
import type { Trust } from '../audit/trust'
import type { Tx } from '../prisma/record'
import { admittedKey } from './passkey-key'
import {
  type Bound,
  challengeOf,
  type Decision,
  GLASS_MS,
  type Hands,
  readStatement,
  type Statement,
  statementHash,
  whatDiffers,
} from './statement'

/** An answer as it stands in the record. */
export interface AnswerRow {
  id: number
  accountId: number
  account: string
  /** The same for two accounts of one person. */
  person: string
  role: string
  decision: Decision
  comment: string
  status: string
  at: Date
  expiresAt: Date
  statement: Buffer
  hash: string
  credentialId: string | null
  clientData: Buffer | null
  authenticatorData: Buffer | null
  signature: Buffer | null
  /** They have the role now, and their account is not disabled. */
  hasRole: boolean
  /** The trail says that it was taken back, fell, lapsed or was used: whatever the row says. */
  isOver: boolean
}

/** What an answer is held against. */
export interface Standard {
  type: Statement['type']
  bound: Bound
  hands: Hands
  /** The database's clock. */
  now: Date
  /** Must an answer like this be signed with a passkey? */
  needsKey: (answer: { role: string; decision: Decision }) => boolean
}

const LONGEST_MS = 24 * 3_600_000
/** The web process and the database may be on two machines. */
const SKEW_MS = 60_000

/** Which roles an answer may be given as; of an approval the rules say. */
export const MAY_SAY: Record<Decision, (role: string) => boolean> = {
  approve: () => true,
  reject: () => true,
  override: (role) => role === 'owner' || role === 'ops',
  'break-glass': (role) => role === 'ops',
}

export interface Soundness {
  /** Null: it stands. */
  because: string | null
  signed: boolean
}

/** Whether one answer stands, and if not, why. */
export async function soundness(tx: Tx, row: AnswerRow, standard: Standard, trust: Trust): Promise<Soundness> {
  const statement = readStatement(row.statement)
  const because =
    statement === null
      ? 'what was agreed to cannot be read'
      : (whatIsOff(row, statement, standard, trust) ?? (await whyKeyDoesNotHold(tx, row, statement, standard, trust)))
  return { because, signed: because === null && row.credentialId !== null }
}

function whatIsOff(row: AnswerRow, statement: Statement, standard: Standard, trust: Trust): string | null {
  if (row.isOver) return 'it was taken back, or is over'
  if (statementHash(row.statement) !== row.hash) return 'what was agreed to was changed afterwards'
  if (statement.type !== standard.type || statement.origin !== trust.origin) return 'it was given for something else'
  const { approver } = statement
  if (approver.account !== row.accountId || approver.role !== row.role || statement.decision !== row.decision)
    return 'the record says something else than what was agreed to'
  if (!MAY_SAY[statement.decision](approver.role)) return `the role ${approver.role} may not say that`
  const [iat, exp] = [Date.parse(statement.iat), Date.parse(statement.exp)]
  const longest = statement.decision === 'break-glass' ? GLASS_MS : LONGEST_MS
  if (!(iat <= standard.now.getTime() + SKEW_MS) || !(exp - iat <= longest)) return 'its times cannot be right'
  if (exp <= standard.now.getTime()) return `it counted until ${statement.exp}`
  const other = whatDiffers(statement.bound, standard.bound)
  if (other !== null) return `it was given for another ${other}`
  if (standard.hands.accounts.includes(row.accountId)) return `${row.account} had a hand in this change`
  if (approver.forge !== null && standard.hands.forge.includes(approver.forge))
    return `${row.account} had a hand in this change`
  return row.hasRole ? null : `${row.account} has the role ${row.role} here no longer`
}

async function whyKeyDoesNotHold(
  tx: Tx,
  row: AnswerRow,
  statement: Statement,
  standard: Standard,
  trust: Trust,
): Promise<string | null> {
  if (row.credentialId === null)
    return standard.needsKey(row) ? 'it is not signed with a passkey, and the policy asks for one' : null
  const key = await admittedKey(tx, row.credentialId, trust)
  if (typeof key === 'string') return key
  if (key.accountId !== row.accountId) return 'it is signed with a passkey of somebody else'
  if (standard.needsKey(row) && !key.roles.includes(row.role))
    return `that passkey was not admitted to sign as ${row.role}`
  const { clientData, authenticatorData, signature } = row
  if (clientData === null || authenticatorData === null || signature === null) return 'its signature is missing'
  const wrong = checkAssertion({
    challenge: challengeOf(row.statement),
    clientDataJSON: clientData,
    authenticatorData,
    signature,
    spki: key.spki,
    alg: key.alg,
    rpId: trust.rpId,
    origin: trust.webOrigin,
  })
  if (wrong !== null) return `its signature does not hold: ${wrong}`
  return whyNoWitness(tx, statement)
}

/** Who signs is a witness of the trail: the head that they saw must be one that the worker published. */
async function whyNoWitness(tx: Tx, { checkpoint }: Statement): Promise<string | null> {
  if (checkpoint === null) return 'it names no head of the trail'
  const { rows } = await tx.query<{ root: Buffer }>('SELECT root FROM "Checkpoint" WHERE size = $1', [checkpoint.size])
  return rows[0]?.root.toString('hex') === checkpoint.root
    ? null
    : 'the head of the trail that it names was never published'
}

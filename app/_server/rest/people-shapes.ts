// Shapes of people routes that are components of the OpenAPI document.
import { z } from 'zod'
import { AccountDetail, AccountMade, AccountShape } from '../../accounts/shapes'
import { Page } from '../../shapes'

export const PEOPLE_NAMED = {
  Account: AccountShape,
  AccountDetail,
  AccountMade,
  AccountPage: Page(AccountShape),
  PasswordMade: z.object({ password: z.string().describe('Shown once') }),
} as const

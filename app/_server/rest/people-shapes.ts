// Shapes of people routes that are components of the OpenAPI document.
import { AccountMade, AccountShape } from '../../accounts/shapes'
import { Page } from '../../shapes'

export const PEOPLE_NAMED = {
  Account: AccountShape,
  AccountMade,
  AccountPage: Page(AccountShape),
} as const

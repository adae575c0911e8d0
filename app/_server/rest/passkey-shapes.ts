// Shapes of passkey routes that are components of the OpenAPI document.
import {
  EnrolmentBegun,
  PasskeyList,
  PasskeyShape,
  PasskeySignIn,
  PasskeyWaiting,
  VouchStatement,
} from '../../account/passkeys/shapes'
import { Page } from '../../shapes'

export const PASSKEYS_NAMED = {
  EnrolmentBegun,
  Passkey: PasskeyShape,
  PasskeyList,
  PasskeySignIn,
  PasskeyWaiting,
  PasskeyWaitingPage: Page(PasskeyWaiting),
  VouchStatement,
} as const

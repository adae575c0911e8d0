// Shapes of oidc routes that are components of the OpenAPI document.
import { z } from 'zod'
import { IdentityShape } from '../../accounts/shapes'

export const OIDC_NAMED = {
  Identity: IdentityShape,
  IdentityList: z.object({ items: z.array(IdentityShape) }),
  OidcLink: z.object({ address: z.string().describe('Where the browser goes; it comes back to /account') }),
} as const

// Shapes of passkey routes that are components of the OpenAPI document.
export const PASSKEYS_NAMED = {} as const

// Shapes of oidc routes that are components of the OpenAPI document.
export const OIDC_NAMED = {} as const

// Shapes of membership routes that are components of the OpenAPI document.
export const MEMBERSHIPS_NAMED = {} as const

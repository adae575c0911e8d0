// Shapes of policy routes that are components of the OpenAPI document.
export const POLICIES_NAMED = {} as const

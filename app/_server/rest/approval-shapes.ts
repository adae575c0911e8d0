// Shapes of approval routes that are components of the OpenAPI document.
export const APPROVALS_NAMED = {} as const

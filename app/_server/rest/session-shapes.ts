// Shapes of session routes that are components of the OpenAPI document.
export const SESSIONS_NAMED = {} as const

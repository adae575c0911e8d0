// Shapes of trail routes that are components of the OpenAPI document.
export const TRAIL_NAMED = {} as const

// Shapes of stop routes that are components of the OpenAPI document.
export const STOPS_NAMED = {} as const

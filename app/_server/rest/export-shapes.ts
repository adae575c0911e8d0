// Shapes of export routes that are components of the OpenAPI document.
export const EXPORTS_NAMED = {} as const

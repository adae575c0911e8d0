// Shapes of promotion routes that are components of the OpenAPI document.
export const PROMOTIONS_NAMED = {} as const

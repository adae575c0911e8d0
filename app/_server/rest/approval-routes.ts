// Answers to promotions: statements, sign-offs, rejections.
import type { RestRoute } from './route'

export const APPROVALS: RestRoute[] = []

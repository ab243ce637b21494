import { type Suite, suite } from '../case.ts'

export const limits: Suite = suite('limits', [])

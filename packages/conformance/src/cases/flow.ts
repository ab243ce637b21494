import { type Suite, suite } from '../case.ts'

export const flow: Suite = suite('flow', [])

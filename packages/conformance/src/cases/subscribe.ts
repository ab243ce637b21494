import { type Suite, suite } from '../case.ts'

export const subscribe: Suite = suite('subscribe', [])

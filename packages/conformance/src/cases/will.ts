import { type Suite, suite } from '../case.ts'

export const will: Suite = suite('will', [])

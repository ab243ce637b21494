import { type Suite, suite } from '../case.ts'

export const retained: Suite = suite('retained', [])

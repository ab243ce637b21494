export { closest } from './did-you-mean.ts'
export { printable } from './log.ts'

// What a case writes its packets with, in one import.
export * from './data-types.ts'
export * from './packets.ts'

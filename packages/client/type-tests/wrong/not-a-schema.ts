// expect: 't' does not exist in type 'StandardSchema
import { topic } from '../../src/index.ts'

topic('sensors', { schema: { t: 'number' } })

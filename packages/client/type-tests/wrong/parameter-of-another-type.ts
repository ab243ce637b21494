// expect: Type 'string' is not assignable to type 'number'
// expect: property 'id'
import { topic } from '../../src/index.ts'

topic('sensors/{id:int}').with({ id: 'seven' })

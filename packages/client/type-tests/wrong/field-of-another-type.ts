// expect: Type 'string' is not assignable to type 'number'
// expect: property 't'
import { z } from 'zod'
import { topic } from '../../src/index.ts'

export const sent = topic('sensors/{id}', { schema: z.object({ t: z.number() }) })
  .with({ id: '7' })
  .encode({ t: 'warm' })

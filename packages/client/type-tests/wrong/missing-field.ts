// expect: Property 'at' is missing in type '{ t: number; }'
import { z } from 'zod'
import { topic } from '../../src/index.ts'

topic('sensors', { schema: z.object({ t: z.number(), at: z.number() }) })
  .with()
  .encode({ t: 1 })

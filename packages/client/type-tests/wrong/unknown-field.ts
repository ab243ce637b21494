// expect: Property 'humidity' does not exist on type '{ t: number; }'
import { z } from 'zod'
import { topic } from '../../src/index.ts'

const read = await topic('sensors', { schema: z.object({ t: z.number() }) }).decode(
  new Uint8Array(),
)
read.humidity

// What the two programs agree on: the publisher cannot send what the subscriber does not read.
import { defineTopics, topic } from '@busbar/client'
import { z } from 'zod'

export const topics = defineTopics({
  temperature: topic('sensors/{site}/{id:int}/temperature', {
    qos: 1,
    schema: z.object({
      celsius: z.number(),
      at: z.iso.datetime().transform((text) => new Date(text)),
    }),
  }),
})

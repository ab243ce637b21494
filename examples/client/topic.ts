import { topic } from '@busbar/client'
import { z } from 'zod'

const temperature = topic('sensors/{site}/{id:int}/temperature', {
  qos: 1,
  schema: z.object({ celsius: z.number() }),
})

console.log(temperature.filter) // sensors/+/+/temperature
console.log(temperature.with({ site: 'hh', id: 7 }).topicName) // sensors/hh/7/temperature
console.log(temperature.match('sensors/hh/7/temperature')) // { site: 'hh', id: 7 }
console.log(temperature.match('sensors/hh/seven/temperature')) // undefined

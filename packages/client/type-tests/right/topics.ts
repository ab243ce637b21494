import { z } from 'zod'
import {
  bytes,
  defineTopics,
  type Filter,
  json,
  type Params,
  text,
  topic,
} from '../../src/index.ts'

type Equal<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const holds = <_Claim extends true>() => {}

holds<Equal<Filter<'a/{x}/b'>, 'a/+/b'>>()
holds<Equal<Filter<'a/{x:int}/{y...}'>, 'a/+/#'>>()
holds<Equal<Filter<'{x...}'>, '#'>>()
holds<Equal<Filter<'/a/'>, '/a/'>>()
holds<Equal<keyof Params<'a/b'>, never>>()
holds<
  Equal<
    Params<'a/{x}/{y:int}/{z...}'>,
    { readonly x: string; readonly y: number; readonly z: readonly string[] }
  >
>()

const temperature = topic('sensors/{site}/{id:int}/temp', {
  qos: 1,
  schema: z.object({ t: z.number(), at: z.iso.datetime().transform((s) => new Date(s)) }),
})
holds<Equal<typeof temperature.filter, 'sensors/+/+/temp'>>()
const one = temperature.with({ site: 'hh', id: 7 })
one.encode({ t: 21.5, at: '2026-11-22T10:00:00Z' })
const read = await temperature.decode(new Uint8Array())
holds<Equal<typeof read, { t: number; at: Date }>>()
const params = temperature.match('sensors/hh/7/temp')
holds<Equal<typeof params, { readonly site: string; readonly id: number } | undefined>>()

topic('status', { codec: text }).with().encode('up')
topic('{all...}', { codec: bytes }).with({ all: ['a', 'b'] })
topic('raw/{x}').with({ x: 'y' }).encode(new Uint8Array())
const anything = await topic('any', { codec: json }).decode(new Uint8Array())
holds<Equal<typeof anything, unknown>>()

const topics = defineTopics({ temperature, log: topic('log/{level}', { codec: text }) })
topics.log.with({ level: 'info' }).encode('started')

const dynamic: string = 'a/{x}'
topic(dynamic).with({ x: 'y' })

const deep = topic('a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t/u/v/w/x/y/z/0/1/2/3/4/5/6/7/8/9/{x}')
deep.with({ x: 'y' })

// expect: 'read' is of type 'unknown'
import { json, topic } from '../../src/index.ts'

const read = await topic('sensors', { codec: json }).decode(new Uint8Array())
read.t

// expect: 'room' does not exist in type
import { topic } from '../../src/index.ts'

topic('sensors/{site}').with({ site: 'hh', room: '7' })

// expect: Property 'id' is missing in type '{ site: string; }'
import { topic } from '../../src/index.ts'

topic('sensors/{site}/{id}').with({ site: 'hh' })

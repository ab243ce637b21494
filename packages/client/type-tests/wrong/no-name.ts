// expect: a topic parameter needs a name
import { topic } from '../../src/index.ts'

topic('sensors/{}')

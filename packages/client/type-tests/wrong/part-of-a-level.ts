// expect: topic level line-{id} is not a parameter: {name} stands alone between slashes
import { topic } from '../../src/index.ts'

topic('plant/line-{id}')

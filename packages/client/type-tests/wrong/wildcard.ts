// expect: topic level + has a wildcard: write {name} for one level
import { topic } from '../../src/index.ts'

topic('sensors/+/temp')

// expect: topic parameter {id} cannot be of type float; there is int
import { topic } from '../../src/index.ts'

topic('sensors/{id:float}')

// expect: topic parameter {id} is there twice
import { topic } from '../../src/index.ts'

topic('a/{id}/b/{id:int}')

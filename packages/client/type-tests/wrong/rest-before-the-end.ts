// expect: topic parameter {path...} takes all levels that follow and has to be the last one
import { topic } from '../../src/index.ts'

topic('files/{path...}/size')

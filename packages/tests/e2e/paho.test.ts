import { libraryContract } from '../src/library.contract.ts'
import { paho } from '../src/paho.ts'

libraryContract(paho)

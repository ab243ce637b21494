import { libraryContract } from '../src/library.contract.ts'
import { mosquitto } from '../src/mosquitto.ts'

libraryContract(mosquitto)

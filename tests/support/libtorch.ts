import { searchLibtorch } from '../../lib/addon/find-libtorch'
import { runBlocking } from '../../lib/addon/run-program'
import { REPOSITORY } from './run-program'

/** The folder of the libraries that the tests themselves use. */
export const { libraries: LIBRARIES } = runBlocking(searchLibtorch(REPOSITORY, REPOSITORY)).at(-1) as { libraries: string }
